// SPDX-License-Identifier: Apache-2.0
// Latency histograms, one row each over a common logarithmic axis.
'use strict';

// rows: {name, color, bins: [[start ns, end ns, count]…], p50, p99, count}.
function drawHistograms(holder, rows, label) {
  const used = rows.filter((row) => row.count > 0);
  if (!used.length) return false;
  // One stray value far below all others must not push the rest to the right.
  const start = (row) => {
    let count = 0;
    return row.bins.find((bin) => (count += bin[2]) >= row.count / 1000)[0];
  };
  const low = Math.max(1, Math.min(...used.map(start)));
  const high = Math.max(...used.map((row) => row.bins[row.bins.length - 1][1]), low * 10);
  chart(holder, (width) => {
    const names = width < 560 ? 0 : 150;
    const rowHeight = names ? 58 : 78;
    const plot = names ? 46 : 46;
    const left = names + 4;
    const right = width - 12;
    const x = logScale(low, high, left, right);
    const height = used.length * rowHeight + 26;
    const parts = [];
    for (const tick of x.ticks) {
      parts.push(make('line', {class: 'grid', x1: x(tick), x2: x(tick), y1: 0, y2: height - 22}));
      // At the edges the text would be cut off.
      const anchor = x(tick) > right - 24 ? 'end' : x(tick) < 24 ? 'start' : 'middle';
      parts.push(make('text', {x: x(tick), y: height - 6, 'text-anchor': anchor}, tickText(tick)));
    }
    used.forEach((row, i) => {
      const base = (i + 1) * rowHeight - 6;
      const most = Math.max(...row.bins.map(([, , count]) => count));
      let path = `M${x(row.bins[0][0])} ${base}`;
      for (const [start, end, count] of row.bins) {
        const y = (base - plot * count / most).toFixed(1);
        path += `L${x(start).toFixed(1)} ${y}L${x(end).toFixed(1)} ${y}`;
      }
      path += `L${x(row.bins[row.bins.length - 1][1])} ${base}Z`;
      parts.push(make('path', {class: 'area', d: path, style: `fill:${row.color};fill-opacity:.75`}));
      for (const [value, dash] of [[row.p50, null], [row.p99, '3 3']]) {
        parts.push(make('line', {x1: x(value), x2: x(value), y1: base - plot, y2: base,
                                 style: 'stroke:var(--ink);stroke-width:1.5', 'stroke-dasharray': dash}));
      }
      parts.push(make('line', {class: 'grid', x1: left, x2: right, y1: base, y2: base}));
      const lines = [[row.name, true], [`${row.count} requests`], [`p50 ${durationText(row.p50)}, p99 ${durationText(row.p99)}`]];
      if (names) {
        lines.forEach(([text, strong], k) => parts.push(make('text', {
          x: 0, y: base - 32 + 15 * k, class: strong ? 'strong' : null}, text)));
      } else {
        parts.push(make('text', {x: 4, y: base - plot - 8, class: 'strong'}, row.name));
        parts.push(make('text', {x: width - 4, y: base - plot - 8, 'text-anchor': 'end'}, lines[2][0]));
      }
      const hover = make('rect', {x: left, y: base - plot, width: right - left, height: plot, fill: 'transparent'});
      hover.addEventListener('pointermove', (event) => {
        const scale = width / hover.ownerSVGElement.getBoundingClientRect().width;
        const at = (event.clientX - hover.ownerSVGElement.getBoundingClientRect().left) * scale;
        const bin = row.bins.find(([, end]) => x(end) >= at) || row.bins[row.bins.length - 1];
        showTip(event, `${row.name}: ${durationText(bin[0])} to ${durationText(bin[1])}\n` +
                `${bin[2]} requests, ${shareText(bin[2], row.count)}`);
      });
      hover.addEventListener('pointerleave', hideTip);
      parts.push(hover);
    });
    return picture(width, height, label, ...parts);
  });
  return true;
}

function drawLatency() {
  const rows = distances.map((name) => ({
    name: distanceText[name], color: distanceColor(name), ...(data.latency[name] || {count: 0}),
  }));
  if (!drawHistograms(byId('latency').querySelector('.chart'), rows, 'Total latency by distance')) {
    remove('latency');
  }
}

function drawStages() {
  const section = byId('stages');
  const order = ['queue', 'wakeup', 'service', 'return', 'total'];
  const rows = order.map((name, i) => ({
    name, color: `var(--d${[0, 1, 2, 3, 5][i]})`, ...(data.stages[name] || {count: 0}),
  }));
  if (!drawHistograms(section.querySelector('.chart'), rows, 'Latency by stage')) return remove('stages');
  section.querySelector('.note').textContent =
    'queue: until a server took it, of which wakeup: until the woken server ran; service: until the ' +
    'reply; return: until the client ran again. Line: median; dashed: 99th percentile.';
  table(section.querySelector('.table'), [
    {title: 'stage', left: true, value: (row) => `${order.indexOf(row.name)}`, text: (row) => row.name},
    numberColumn('requests', (row) => row.count),
    durationColumn('mean', (row) => row.mean_ns),
    durationColumn('p50', (row) => row.p50_ns),
    durationColumn('p90', (row) => row.p90_ns),
    durationColumn('p99', (row) => row.p99_ns),
    durationColumn('max', (row) => row.max_ns),
  ], order.map((name) => ({name, ...report.stages[name]})).filter((row) => row.count));
}
