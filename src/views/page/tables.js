// SPDX-License-Identifier: Apache-2.0
// Tables whose columns sort.
'use strict';

// columns: {title, left, wrap, value(row), text(row)}; sorted by the column
// with that index, descending, or as the rows come.
function table(holder, columns, rows, sortBy) {
  const body = make('tbody');
  const heads = columns.map((column, i) => {
    const button = make('button', {type: 'button'}, column.title);
    const head = make('th', {scope: 'col', class: column.left ? 'left' : null}, button);
    button.addEventListener('click', () => {
      const descending = head.getAttribute('aria-sort') === 'descending' ||
        (!head.hasAttribute('aria-sort') && column.left);
      sort(i, !descending);
    });
    return head;
  });
  let order = rows.slice();
  const fill = () => body.replaceChildren(...order.map((row) =>
    make('tr', {}, ...columns.map((column) =>
      make('td', {class: [column.left ? 'left' : '', column.wrap ? 'wrap' : ''].join(' ').trim() || null},
           column.text(row))))));
  function sort(i, descending) {
    const value = columns[i].value || columns[i].text;
    order = rows.slice().sort((a, b) => {
      const x = value(a);
      const y = value(b);
      // What has no value comes last either way.
      if (x === null || y === null) return (x === null) - (y === null);
      const less = typeof x === 'string' ? x.localeCompare(y) : x - y;
      return descending ? -less : less;
    });
    heads.forEach((head, k) => k === i ? head.setAttribute('aria-sort', descending ? 'descending' : 'ascending')
                                       : head.removeAttribute('aria-sort'));
    fill();
  }
  holder.replaceChildren(make('table', {}, make('thead', {}, make('tr', {}, ...heads)), body));
  if (sortBy === undefined) fill(); else sort(sortBy, true);
}

const numberColumn = (title, get) => ({title, value: get, text: (row) => `${get(row)}`});
const shareColumn = (title, part, whole) => ({
  title, value: (row) => whole(row) ? part(row) / whole(row) : null,
  text: (row) => shareText(part(row), whole(row)),
});
const durationColumn = (title, get) => ({
  title, value: (row) => get(row) ?? null, text: (row) => durationText(get(row)),
});
const rateColumn = (title, get) => ({title, value: get, text: (row) => get(row).toFixed(3)});

// A stage's figure, or nothing when no request had that stage.
const stageFigure = (stage, key) => stage && stage.count ? stage[key] : null;

function groupColumns(first) {
  const known = (row) => sum(distances.slice(0, 5).map((d) => row.hops.request[d]));
  return [
    ...first,
    numberColumn('requests', (row) => row.requests),
    numberColumn('errors', (row) => row.errors),
    shareColumn('same CPU', (row) => row.hops.request.same_cpu, known),
    rateColumn('migr/req', (row) => row.requests ? sum(values(row.migrations)) / row.requests : 0),
    durationColumn('queue p50', (row) => stageFigure(row.stages.queue, 'p50_ns')),
    durationColumn('service p50', (row) => stageFigure(row.stages.service, 'p50_ns')),
    durationColumn('total p50', (row) => stageFigure(row.stages.total, 'p50_ns')),
    durationColumn('total p99', (row) => stageFigure(row.stages.total, 'p99_ns')),
    {title: 'bytes', value: (row) => row.bytes_in + row.bytes_out,
     text: (row) => bytesText(row.bytes_in + row.bytes_out)},
  ];
}

function drawHops() {
  const rows = [];
  for (const hop of ['request', 'reply']) {
    const counts = report.hops[hop];
    for (const distance of distances) {
      if (!counts[distance]) continue;
      const latency = report.hop_latency[hop][distance];
      rows.push({hop, distance, requests: counts[distance],
                 all: distance === 'unknown' ? 0 : sum(values(counts)) - counts.unknown, latency});
    }
  }
  if (!rows.length) return remove('hops');
  table(byId('hops').querySelector('.table'), [
    {title: 'hop', left: true, text: (row) => row.hop},
    {title: 'distance', left: true, value: (row) => `${distances.indexOf(row.distance)}`,
     text: (row) => distanceText[row.distance]},
    numberColumn('requests', (row) => row.requests),
    shareColumn('share', (row) => row.requests, (row) => row.all),
    durationColumn('total p50', (row) => stageFigure(row.latency, 'p50_ns')),
    durationColumn('p90', (row) => stageFigure(row.latency, 'p90_ns')),
    durationColumn('p99', (row) => stageFigure(row.latency, 'p99_ns')),
    durationColumn('max', (row) => stageFigure(row.latency, 'max_ns')),
  ], rows);
}

function drawPickups() {
  const rows = ['woken', 'busy', 'poached', 'unknown'].filter((name) => report.pickup[name])
    .map((name) => ({name, requests: report.pickup[name], hops: (report.pickup_hops || {})[name] || {}}));
  table(byId('pickup').querySelector('.table'), [
    {title: 'pickup', left: true, text: (row) => row.name},
    numberColumn('requests', (row) => row.requests),
    shareColumn('share', (row) => row.requests, () => report.requests),
    shareColumn('same CPU', (row) => row.hops.same_cpu,
                (row) => sum(distances.slice(0, 5).map((d) => row.hops[d] || 0))),
  ], rows);
}

function drawGroups() {
  const opcodes = Object.entries(report.opcodes).map(([name, group]) => ({name, ...group}));
  table(byId('opcodes').querySelector('.table'),
        groupColumns([{title: 'opcode', left: true, text: (row) => row.name}]), opcodes, 1);
  const connections = Object.entries(report.connections).map(([id, group]) => ({id: +id, ...group}));
  table(byId('connections').querySelector('.table'), groupColumns([
    {title: 'connection', left: true, wrap: true, value: (row) => row.id,
     text: (row) => [row.id, row.fstype, row.mount, row.server_comm ? `(${row.server_comm})` : '']
       .filter((part) => part !== '').join(' ')},
    {title: 'transport', left: true, text: (row) => row.transport || '-'},
  ]), connections, 2);
  for (const [id, latency] of [['clients', 'total'], ['servers', 'service']]) {
    // Threads of one process and name together: a server may make and end thousands.
    const rows = report[`${id.slice(0, -1)}_groups`] || [];
    if (!rows.length) { remove(id); continue; }
    table(byId(id).querySelector('.table'), [
      {title: 'thread', left: true, text: (row) => row.comm || '?'},
      numberColumn('threads', (row) => row.threads),
      {title: 'tid', value: (row) => row.tid, text: (row) => row.tid || '-'},
      numberColumn('pid', (row) => row.pid),
      numberColumn('requests', (row) => row.requests),
      shareColumn('same CPU', (row) => row.same_cpu, (row) => row.hop_known),
      numberColumn('migrations', (row) => row.migrations),
      durationColumn(`${latency} p50`, (row) => stageFigure(row[latency], 'p50_ns')),
      durationColumn(`${latency} p99`, (row) => stageFigure(row[latency], 'p99_ns')),
    ], rows, 4);
  }
}
