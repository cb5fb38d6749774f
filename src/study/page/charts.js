/* What the charts of all reports share. */
var report = (function () {
  'use strict';
  var data = JSON.parse(document.getElementById('data').textContent);
  var root = document.documentElement;
  var charts = {};


  function fail(error) {
    var box = document.getElementById('failed');
    box.hidden = false;
    box.textContent = 'A chart could not be drawn: ' + (error && error.message || error);
  }
  window.addEventListener('error', function (event) { fail(event.error || event.message); });

  function colour(name) { return getComputedStyle(root).getPropertyValue('--' + name).trim(); }

  function show(x) {
    if (x === null || x === undefined || !isFinite(x)) return '';
    if (x === 0) return '0';
    var size = Math.abs(x);
    if (size >= 1e-3 && size < 1e6) return String(Number(x.toPrecision(4)));
    return x.toExponential(2).replace(/\.?0+e/, 'e').replace('e+', 'e');
  }

  function element(parent, tag, className) {
    var made = document.createElement(tag);
    made.className = className;
    parent.appendChild(made);
    return made;
  }

  /* Draws rows into the figure `id` in place of what it showed before. */
  function draw(id, rows, said, options) {
    var figure = document.getElementById(id);
    if (charts[id]) charts[id].destroy();
    delete charts[id];
    figure.querySelectorAll('.plot, .legend, .empty').forEach(function (old) { old.remove(); });
    if (rows.length === 0) {
      element(figure, 'p', 'empty').textContent = 'The log of this run holds no data for this chart.';
      return;
    }
    var plot = element(figure, 'div', 'plot');
    plot.setAttribute('role', 'img');
    plot.setAttribute('aria-label', said);
    var all = {
      labelsDiv: element(figure, 'div', 'legend'), legend: 'always',
      gridLineColor: colour('grid'), axisLineColor: colour('series-3'),
      colors: [colour('series-1'), colour('series-2'), colour('series-3')],
      strokeWidth: 1.5, highlightCircleSize: 5, xRangePad: 6, xLabelHeight: 22, yLabelWidth: 22,
      axes: { x: { axisLabelFormatter: show, valueFormatter: show, pixelsPerLabel: 70 },
              y: { axisLabelFormatter: show, valueFormatter: show, axisLabelWidth: 64 } }
    };
    Object.keys(options).forEach(function (key) { if (key !== 'x') all[key] = options[key]; });
    if (options.logscale) all.axes.y.ticker = decadeTicks;
    Object.keys(options.x || {}).forEach(function (key) { all.axes.x[key] = options.x[key]; });
    charts[id] = new Dygraph(plot, rows, all);
  }

  function positive(values) {
    return values.filter(function (v) { return v !== null && v > 0; });
  }

  /* A range of a logarithmic axis: whole decades, at least two. */
  function decades(values) {
    var use = positive(values);
    if (use.length === 0) return null;
    var low = Math.floor(Math.log10(Math.min.apply(null, use)) - 0.2);
    var high = Math.ceil(Math.log10(Math.max.apply(null, use)) + 0.2);
    return [Math.pow(10, low), Math.pow(10, Math.max(high, low + 2))];
  }

  /* One tick at a power of ten, thinned where they would touch. */
  function decadeTicks(low, high, pixels) {
    var first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
    var ticks = [], step = Math.max(1, Math.ceil((last - first) * 24 / pixels));
    for (var k = first; k <= last; k++)
      if (k % step === 0) ticks.push({ v: Number('1e' + k), label: '1e' + k });
    return ticks;
  }

  /* One tick at a whole number, thinned where they would touch. */
  function wholeTicks(low, high, pixels) {
    var ticks = [], step = Math.max(1, Math.ceil((high - low) * 40 / pixels));
    for (var k = Math.ceil(low); k <= high; k++)
      if (k % step === 0) ticks.push({ v: k, label: String(k) });
    return ticks;
  }

  function bars(e) {
    var canvas = e.drawingContext, graph = e.dygraph;
    var width = Math.min(60, 0.6 * (graph.toDomXCoord(1) - graph.toDomXCoord(0)));
    var floor = graph.toDomYCoord(0);
    canvas.fillStyle = e.color;
    e.points.forEach(function (p) { canvas.fillRect(p.canvasx - width / 2, p.canvasy, width, floor - p.canvasy); });
  }

  /* Rows of several lists, as many as the shortest has. */
  function zip(lists) {
    var count = Math.min.apply(null, lists.map(function (list) { return list ? list.length : 0; })), rows = [];
    for (var i = 0; i < count; i++) rows.push(lists.map(function (list) { return list[i]; }));
    return rows;
  }

  function ascending(a, b) { return a[0] - b[0]; }

  /* Draws all charts now, and again when colours change or the page is printed. */
  function begin(drawAll) {
    root.classList.add('script');
    try {
      drawAll();
      window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
      window.addEventListener('beforeprint', drawAll);
    } catch (error) {
      fail(error);
      throw error;
    }
  }

  function chosen(id) { return Number(document.getElementById(id).value); }

  function fill(id, texts, first, changed) {
    var select = document.getElementById(id);
    texts.forEach(function (text, value) { select.add(new Option(text, value, value === first, value === first)); });
    select.addEventListener('change', changed);
  }

  return { data: data, colour: colour, show: show, draw: draw, positive: positive, decades: decades,
           wholeTicks: wholeTicks, bars: bars, zip: zip, ascending: ascending, begin: begin,
           chosen: chosen, fill: fill };
})();
