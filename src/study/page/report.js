/* Draws the charts of a fit's report from the JSON in #data. */
(function () {
  'use strict';
  var data = report.data, draw = report.draw, show = report.show, colour = report.colour;
  var decades = report.decades, positive = report.positive, zip = report.zip;
  var ascending = report.ascending, chosen = report.chosen, bars = report.bars;
  var wholeTicks = report.wholeTicks;

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

  function drawCost(name, label) {
    var values = column(name);
    var rows = values.map(function (value, k) { return [k, value]; });
    var total = values.reduce(function (sum, value) { return sum + (value || 0); }, 0);
    draw(name, rows, label + ' of each stage; ' + show(total) + ' in all', stageAxis({
      labels: ['stage', label], ylabel: label, plotter: bars, includeZero: true, drawPoints: false,
      highlightCircleSize: 0, valueRange: [0, 1.08 * (Math.max.apply(null, positive(values)) || 1)]
    }));
  }

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

  function residualCharts() { drawResidual(); drawSpectrum(); }

  function drawAll() {
    drawErrors();
    residualCharts();
    drawPrediction();
    drawCost('seconds', 'time (s)');
    drawCost('parameters', 'parameters');
  }

  complete(data.inputs, data.residuals, 'input', 'input');
  complete(data.outputs, data.predictions, 'output', 'output');
  report.fill('stage', column('stage').map(String), data.stages.length - 1, residualCharts);
  report.fill('input', data.inputs, 0, drawResidual);
  report.fill('output', data.outputs, 0, drawPrediction);
  document.getElementById('input-control').hidden = data.inputs.length < 2;
  document.getElementById('output-control').hidden = data.outputs.length < 2;
  report.begin(drawAll);
})();
