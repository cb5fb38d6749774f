/* Draws the charts of a training's report from the JSON in #data. */
(function () {
  'use strict';
  var data = report.data, draw = report.draw, show = report.show, colour = report.colour;
  var epochs = data.epochs;

  function numbers(name) { return epochs[name] || []; }
  function known(values) { return values.filter(function (v) { return v !== null && isFinite(v); }); }
  function last(values) { return known(values).slice(-1)[0]; }

  /* Curves over epochs; those without any number are left out. */
  function curves(id, names, labels, ylabel, options) {
    var used = names.filter(function (name) { return known(numbers(name)).length > 0; });
    var titles = used.map(function (name) { return labels[names.indexOf(name)]; });
    var rows = used.length === 0 ? [] : numbers('epoch').map(function (epoch, i) {
      return [epoch].concat(used.map(function (name) { return numbers(name)[i]; }));
    });
    var all = { labels: ['epoch'].concat(titles), xlabel: 'epoch', ylabel: ylabel, connectSeparatedPoints: true,
                drawPoints: rows.length < 60, pointSize: 3, x: { ticker: report.wholeTicks, drawGrid: false,
                valueFormatter: function (k) { return 'epoch ' + k; } } };
    Object.keys(options).forEach(function (key) { all[key] = options[key]; });
    draw(id, rows, ylabel + ' over ' + rows.length + ' epochs; at the end ' + used.map(function (name, k) {
      return titles[k] + ' ' + show(last(numbers(name)));
    }).join(', '), all);
  }

  function drawCurves() {
    var losses = numbers('train_loss').concat(numbers('validation_loss'));
    curves('loss', ['train_loss', 'validation_loss'], ['training', 'held-out'], 'loss',
      { logscale: report.decades(losses) !== null, valueRange: report.decades(losses) });
    curves('accuracy', ['train_accuracy', 'validation_accuracy'], ['training', 'held-out'], 'accuracy',
      { valueRange: [null, 1.005] });
    curves('rate', ['rate'], ['learning rate'], 'learning rate', { includeZero: true });
    curves('gradient', ['gradient_norm'], ['gradient norm'], 'gradient norm',
      { logscale: true, valueRange: report.decades(numbers('gradient_norm')) });
  }

  function drawCalibration() {
    if (!document.getElementById('calibration')) return;
    var rows = data.calibration.filter(function (bin) { return bin.samples > 0; }).map(function (bin) {
      return [bin.confidence, bin.accuracy, bin.confidence];
    });
    draw('calibration', rows, 'Accuracy over confidence in ' + rows.length + ' groups of samples', {
      labels: ['confidence', 'accuracy', 'well calibrated'], xlabel: 'confidence (mean of a group)',
      ylabel: 'accuracy', dateWindow: [0, 1], valueRange: [0, 1.02],
      colors: [colour('series-1'), colour('series-3')], drawPoints: true, pointSize: 4,
      series: { 'well calibrated': { drawPoints: false, strokePattern: [6, 4] } }
    });
  }

  /* ---- modules ---- */

  /* A curve for each module, from blue for the first to orange for the last. */
  function overModules(id, name, ylabel) {
    var lists = data.modules[name], count = lists[lists.length - 1].length, labels = ['epoch'], colours = [];
    for (var k = 0; k < count; k++) {
      labels.push('module ' + (k + 1));
      colours.push('hsl(' + Math.round(210 - 185 * k / Math.max(1, count - 1)) + ',75%,50%)');
    }
    var rows = numbers('epoch').map(function (epoch, i) { return [epoch].concat(lists[i]); });
    var range = report.decades([].concat.apply([], lists));
    draw(id, rows, ylabel + ' of ' + count + ' modules over ' + rows.length + ' epochs; at the end ' +
      lists[lists.length - 1].map(show).join(', '), {
        labels: labels, colors: colours, xlabel: 'epoch', ylabel: ylabel, logscale: range !== null, valueRange: range,
        connectSeparatedPoints: true, drawPoints: rows.length < 60, pointSize: 3,
        x: { ticker: report.wholeTicks, drawGrid: false, valueFormatter: function (e) { return 'epoch ' + e; } }
      });
  }

  function drawModules() {
    overModules('module-loss', 'loss', 'loss');
    overModules('module-transport', 'transport', 'transport cost');
    overModules('module-ratio', 'ratio', 'ratio');
    if (document.getElementById('module-multiplier')) overModules('module-multiplier', 'multiplier', 'multiplier');
    else overModules('module-weight', 'weight', 'weight');
  }

  /* ---- over depth ---- */

  function overDepth(id, names, labels, ylabel, options) {
    var event = data.layers[report.chosen('epoch')] || {};
    var used = names.filter(function (name) { return (event[name] || []).length > 0; });
    var lists = used.map(function (name) { return event[name]; });
    var rows = used.length === 0 ? [] : report.zip(lists).map(function (row, i) { return [i + 1].concat(row); });
    var all = { labels: ['layer'].concat(used.map(function (name) { return labels[names.indexOf(name)]; })),
                xlabel: 'layer', ylabel: ylabel, drawPoints: rows.length < 60, pointSize: 3,
                x: { ticker: report.wholeTicks, drawGrid: false, valueFormatter: function (k) { return 'layer ' + k; } } };
    Object.keys(options).forEach(function (key) { all[key] = options[key]; });
    if (options.logscale) {
      var values = [].concat.apply([], lists);
      all.valueRange = report.decades(values);
      all.logscale = all.valueRange !== null;
    }
    draw(id, rows, ylabel + ' of ' + rows.length + ' layers after epoch ' + event.epoch, all);
  }

  function drawStability() {
    overDepth('growth', ['growth', 'bound'], ['growth max |\u03bc|', 'bound'], 'growth, bound', {});
    overDepth('real', ['rate'], ['max Re \u03bb'], 'max Re \u03bb', {});
    overDepth('state', ['states', 'gradients'], ['state (RMS)', 'gradient (RMS)'], 'root mean square', { logscale: true });
  }

  /* ---- memory and time ---- */

  function drawCost() {
    curves('parts', ['data_seconds', 'step_seconds', 'validation_seconds'],
      ['waiting for samples', 'steps', 'validation'], 'seconds', { includeZero: true });
    curves('memory', ['peak_megabytes', 'planned_megabytes'], ['peak', 'planned'], 'MB', { includeZero: true });
  }

  function drawAll() {
    drawCurves();
    if (data.modules) drawModules();
    drawCalibration();
    if (data.layers.length > 0) drawStability();
    drawCost();
  }

  report.fill('epoch', data.layers.map(function (event) { return String(event.epoch); }),
    data.layers.length - 1, drawStability);
  document.getElementById('stability').hidden = data.layers.length === 0;
  report.begin(drawAll);
})();
