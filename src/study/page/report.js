/* Draws the charts of a report from the JSON in #data. */
(function () {
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

  function stageAxis(options) {
    options.xlabel = 'stage';
    options.dateWindow = [-0.6, data.stages.length - 0.4];
    options.x = { ticker: wholeTicks, drawGrid: false, valueFormatter: function (k) { return 'stage ' + k; } };
    return options;
  }

  function column(name) { return data.stages.map(function (stage) { return stage[name]; }); }

  function drawErrors() {
    var training = column('training_error'), heldout = column('heldout_error');
    var rows = data.stages.map(function (stage, k) { return [k, training[k], heldout[k]]; });
    var last = data.stages.length - 1;
    draw('errors', rows, 'Held-out error after each stage, from ' + show(heldout[0]) + ' after stage 0 to ' +
      show(heldout[last]) + ' after stage ' + last, stageAxis({
      labels: ['stage', 'training error', 'held-out error'], ylabel: 'relative L2 error', logscale: true,
      valueRange: decades(training.concat(heldout)), drawPoints: true, pointSize: 4,
      series: { 'training error': { strokePattern: [6, 4] } }
    }));
  }

  function bars(e) {
    var canvas = e.drawingContext, graph = e.dygraph;
    var width = Math.min(60, 0.6 * (graph.toDomXCoord(1) - graph.toDomXCoord(0)));
    var floor = graph.toDomYCoord(0);
    canvas.fillStyle = e.color;
    e.points.forEach(function (p) { canvas.fillRect(p.canvasx - width / 2, p.canvasy, width, floor - p.canvasy); });
  }

  function drawCost(name, label) {
    var values = column(name);
    var rows = values.map(function (value, k) { return [k, value]; });
    var total = values.reduce(function (sum, value) { return sum + (value || 0); }, 0);
    draw(name, rows, label + ' of each stage; ' + show(total) + ' in all', stageAxis({
      labels: ['stage', label], ylabel: label, plotter: bars, includeZero: true, drawPoints: false,
      highlightCircleSize: 0, valueRange: [0, 1.08 * (Math.max.apply(null, positive(values)) || 1)]
    }));
  }

  function chosen(id) { return Number(document.getElementById(id).value); }

  /* Rows of several lists, as many as the shortest has. */
  function zip(lists) {
    var count = Math.min.apply(null, lists.map(function (list) { return list ? list.length : 0; })), rows = [];
    for (var i = 0; i < count; i++) rows.push(lists.map(function (list) { return list[i]; }));
    return rows;
  }

  function ascending(a, b) { return a[0] - b[0]; }

  function drawResidual() {
    var stage = chosen('stage'), input = chosen('input');
    var name = data.inputs[input], output = data.outputs[0];
    var found = data.residuals.filter(function (r) { return r.stage === stage && r.input === input; })[0];
    var rows = found ? zip([found.x, found.residual]).sort(ascending) : [];
    var scatter = data.inputs.length > 1;
    var largest = rows.reduce(function (m, row) { return Math.max(m, Math.abs(row[1])); }, 0);
    draw('residual', rows, 'Residual of ' + output + ' over ' + name + ' after stage ' + stage +
      '; the largest shown is ' + show(largest), {
      labels: [name, 'residual'], xlabel: name, ylabel: 'residual (units of ' + output + ')',
      valueRange: largest > 0 ? [-1.1 * largest, 1.1 * largest] : null,
      strokeWidth: scatter ? 0 : 1, drawPoints: scatter, pointSize: 1.5
    });
  }

  function drawSpectrum() {
    var stage = chosen('stage');
    var found = data.spectra.filter(function (s) { return s.stage === stage; })[0];
    var rows = found ? zip([found.frequency, found.power]).sort(ascending) : [];
    var peak = rows.reduce(function (best, row) { return row[1] > best[1] ? row : best; }, [0, 0]);
    draw('spectrum', rows, 'Spectrum of the residual after stage ' + stage + '; the peak is at ' +
      show(peak[0]) + ' radians per unit of scaled input', {
      labels: ['angular frequency', 'power'], xlabel: 'angular frequency (rad per unit of scaled input)',
      ylabel: 'power', logscale: true, strokeWidth: 1.2,
      valueRange: decades(rows.map(function (row) { return row[1]; }))
    });
  }

  function drawPrediction() {
    var output = chosen('output'), name = data.outputs[output];
    var found = data.predictions.filter(function (p) { return p.output === output; })[0];
    var rows = found ? zip([found.truth, found.predicted, found.truth, found.error || found.predicted]) : [];
    if (found && !found.error) rows.forEach(function (row) { row[3] = row[1] - row[0]; });
    rows.sort(ascending);
    var largest = rows.reduce(function (m, row) { return Math.max(m, Math.abs(row[3])); }, 0);
    var points = { strokeWidth: 0, drawPoints: true, pointSize: 2 };
    draw('prediction', rows.map(function (row) { return row.slice(0, 3); }),
      'Prediction of ' + name + ' against its truth at ' + rows.length + ' points', {
      labels: ['truth', 'prediction', 'exact'], xlabel: 'truth of ' + name, ylabel: 'prediction of ' + name,
      colors: [colour('series-1'), colour('series-3')], series: { prediction: points, exact: { strokeWidth: 1 } }
    });
    draw('deviation', rows.map(function (row) { return [row[0], row[3]]; }),
      'Error of the prediction of ' + name + '; the largest shown is ' + show(largest), {
      labels: ['truth', 'prediction minus truth'], xlabel: 'truth of ' + name, ylabel: 'prediction minus truth',
      strokeWidth: 0, drawPoints: true, pointSize: 2,
      valueRange: largest > 0 ? [-1.1 * largest, 1.1 * largest] : [-1, 1]
    });
  }

  /* The names there are, and numbers for those that only the events know. */
  function complete(names, events, key, word) {
    var last = events.reduce(function (most, event) { return Math.max(most, event[key] || 0); }, 0);
    for (var k = names.length; k <= last; k++) names.push(last ? word + ' ' + k : word);
  }

  function fill(id, texts, first, changed) {
    var select = document.getElementById(id);
    texts.forEach(function (text, value) { select.add(new Option(text, value, value === first, value === first)); });
    select.addEventListener('change', changed);
  }

  function residualCharts() { drawResidual(); drawSpectrum(); }

  function drawAll() {
    drawErrors();
    residualCharts();
    drawPrediction();
    drawCost('seconds', 'time (s)');
    drawCost('parameters', 'parameters');
  }

  root.classList.add('script');
  try {
    complete(data.inputs, data.residuals, 'input', 'input');
    complete(data.outputs, data.predictions, 'output', 'output');
    fill('stage', column('stage').map(String), data.stages.length - 1, residualCharts);
    fill('input', data.inputs, 0, drawResidual);
    fill('output', data.outputs, 0, drawPrediction);
    document.getElementById('input-control').hidden = data.inputs.length < 2;
    document.getElementById('output-control').hidden = data.outputs.length < 2;
    drawAll();
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
    window.addEventListener('beforeprint', drawAll);
  } catch (error) {
    fail(error);
    throw error;
  }
})();
