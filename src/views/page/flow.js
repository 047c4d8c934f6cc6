// SPDX-License-Identifier: Apache-2.0
// Where woken servers slept, where they were put, and where the request was
// picked up: three columns with ribbons between them.
'use strict';

function drawFlow() {
  const section = byId('flow');
  const flow = data.flow;
  const total = flow ? sum(flow.placed.map(sum)) : 0;
  if (!total) return remove('flow');
  const n = flow.labels.length;
  const put = flow.labels.map((_, j) => sum(flow.placed.map((row) => row[j])));
  const slept = flow.placed.map(sum);
  const left = flow.picked.map(sum);
  const taken = flow.labels.map((_, j) => sum(flow.picked.map((row) => row[j])));
  const kept = sum(flow.placed.map((row, i) => row[i]));
  section.querySelector('.note').textContent =
    `${total} wakeups of servers, by ${flow.what}; ${shareText(kept, total)} stayed where the server slept. ` +
    'The request may be picked up elsewhere: by another server, or after the woken one moved on.';
  chart(section.querySelector('.chart'), (width) => {
    const gap = n > 8 ? 4 : 8;
    const inner = Math.max(180, Math.min(360, n * 60));
    const height = inner + gap * (n - 1) + 30;
    const node = 12;
    const margin = Math.min(90, 16 + 7 * Math.max(...flow.labels.map((label) => label.length)));
    const columns = [margin, (width - node) / 2, width - margin - node];
    const top = 24;
    const scale = inner / total;
    // Where each node starts in its column.
    const starts = (sizes) => {
      let y = top;
      return sizes.map((size) => { const at = y; y += size * scale + gap; return at; });
    };
    const y = [starts(slept), starts(put), starts(taken)];
    const parts = ['slept on', 'put on', 'picked up on'].map((text, k) => make('text', {
      x: columns[k] + node / 2, y: 12, class: 'strong',
      'text-anchor': 'middle',
    }, text));
    const ribbons = (matrix, from, to, x1, x2, words) => {
      const a = from.slice();
      const b = to.slice();
      matrix.forEach((row, i) => row.forEach((count, j) => {
        if (!count) return;
        const size = count * scale;
        const middle = (x1 + x2) / 2;
        const [p, q] = [a[i], b[j]];
        a[i] += size;
        b[j] += size;
        const ribbon = make('path', {
          class: 'ribbon',
          d: `M${x1} ${p}C${middle} ${p} ${middle} ${q} ${x2} ${q}L${x2} ${q + size}` +
             `C${middle} ${q + size} ${middle} ${p + size} ${x1} ${p + size}Z`,
          style: `fill:${i === j ? 'var(--d0)' : 'var(--d3)'};fill-opacity:.45`,
        });
        parts.push(withTip(ribbon, () =>
          `${words[0]} ${flow.labels[i]}, ${words[1]} ${flow.labels[j]}\n${count} wakeups, ${shareText(count, total)}`));
      }));
    };
    ribbons(flow.placed, y[0], y[1], columns[0] + node, columns[1], ['slept on', 'put on']);
    ribbons(flow.picked, y[1], y[2], columns[1] + node, columns[2], ['put on', 'request picked up on']);
    [slept, put, taken].forEach((sizes, k) => sizes.forEach((size, i) => {
      if (!size) return;
      parts.push(withTip(make('rect', {
        class: 'node', x: columns[k], y: y[k][i], width: node, height: Math.max(1, size * scale),
        style: 'fill:var(--soft)',
      }), () => `${['slept on', 'put on', 'picked up on'][k]} ${flow.labels[i]}: ${size}, ${shareText(size, total)}`));
      if (size * scale < 9) return;
      const text = {y: y[k][i] + size * scale / 2 + 4};
      if (k === 2) Object.assign(text, {x: columns[k] + node + 6});
      else Object.assign(text, {x: columns[k] - 6, 'text-anchor': 'end'});
      if (k !== 1 || columns[1] - columns[0] > 160) parts.push(make('text', text, flow.labels[i]));
    }));
    return [legend([['var(--d0)', `same ${flow.unit}`], ['var(--d3)', `another ${flow.unit}`]]),
            picture(width, height, 'Wakeups of servers: slept on, put on, picked up on', ...parts)];
  });
  drawPlacements(section.querySelector('.table'));
}

function drawPlacements(holder) {
  const rows = [];
  for (const side of ['server', 'client']) {
    const wakeups = report.wakeups[side];
    const all = sum(['kept', 'pulled', 'moved', 'unknown'].map((key) => wakeups[key]));
    for (const placement of ['kept', 'pulled', 'moved', 'unknown']) {
      if (!wakeups[placement]) continue;
      rows.push({side, placement, count: wakeups[placement], all,
                 target: wakeups.by_target[placement], hint: wakeups.by_hint[placement]});
    }
  }
  const columns = [
    {title: 'woken', left: true, text: (row) => row.side},
    {title: 'placement', left: true, text: (row) => row.placement},
    numberColumn('wakeups', (row) => row.count),
    shareColumn('share', (row) => row.count, (row) => row.all),
    shareColumn('to an idle CPU', (row) => row.target.idle, (row) => row.target.idle + row.target.busy),
  ];
  // Hints only where this kernel showed any.
  if (rows.some((row) => row.hint.unknown !== row.count)) {
    for (const [key, title] of [['sync', 'sync'], ['current_cpu', 'current CPU'], ['plain', 'plain'], ['unknown', 'unseen']]) {
      columns.push(shareColumn(title, (row) => row.hint[key], (row) => row.count));
    }
  }
  table(holder, columns, rows);
}
