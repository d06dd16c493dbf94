'use strict';
/* The table of trends: filter by words and metric, sort by column; what is chosen is kept in the address. */
(() => {
  const {address, remember, words, later} = memharness;
  const grid = document.getElementById('grid');
  const input = document.getElementById('words');
  const select = document.getElementById('metric');
  const count = document.getElementById('count');
  const buttons = [...grid.querySelectorAll('thead button')];
  const COLUMNS = ['now', 'since', 'last', 'status', 'age'];
  const below = document.getElementById('below');  // the cases that are folded away, if any
  const unfold = below?.querySelector('button');
  const isUnfolded = () => unfold?.getAttribute('aria-expanded') === 'true';
  const rows = [...grid.querySelectorAll('tbody tr[data-m]')].map((row, index) => ({
    row, index, metric: row.dataset.m, body: row.parentElement,
    keys: row.dataset.k.split(',').map(key => key === '' ? null : Number(key)),
  }));
  const named = row => row.text ??= row.row.textContent.toLowerCase();
  let order = '';  // column, "-" before it where the highest comes first

  function filter() {
    const wanted = words(input.value);
    const opened = wanted.length > 0 || isUnfolded();  // who asks for a name finds it
    let shown = 0, total = 0;
    for (const row of rows) {
      const chosen = select.value === 'all' || row.metric === select.value;
      const match = chosen && (opened || row.body !== below) && wanted.every(word => named(row).includes(word));
      if (row.row.hidden === match) row.row.hidden = !match;
      total += chosen;
      shown += match;
    }
    count.value = shown === total ? `${total} ${total === 1 ? 'trend' : 'trends'}` : `${shown} of ${total} trends`;
  }

  function compare(a, b) {
    if (!order) return a.index - b.index;
    const sign = order.startsWith('-') ? -1 : 1, column = COLUMNS.indexOf(order.replace('-', ''));
    if (column < 0) return sign * named(a).localeCompare(named(b)) || a.index - b.index;
    const x = a.keys[column], y = b.keys[column];
    if (x === null || y === null) return (x === null) - (y === null) || a.index - b.index;  // what is not known comes last
    return sign * (x - y) || a.index - b.index;
  }

  function sort() {
    for (const button of buttons) {
      const column = button.dataset.sort, heading = button.parentElement;
      if (order.replace('-', '') === column) {
        heading.setAttribute('aria-sort', order.startsWith('-') ? 'descending' : 'ascending');
      } else {
        heading.removeAttribute('aria-sort');
      }
    }
    const sorted = [...rows].sort(compare);
    for (const body of grid.tBodies) {
      const own = sorted.filter(row => row.body === body).map(row => row.row);
      const current = [...body.querySelectorAll('tr[data-m]')];
      if (own.some((row, index) => current[index] !== row)) body.append(...own);
    }
  }

  function keep() {
    remember({q: input.value.trim(), metric: select.value === grid.dataset.chosen ? '' : select.value, sort: order, below: isUnfolded() ? 'shown' : ''});
  }

  function restore() {
    const query = address();
    input.value = query.get('q') ?? '';
    select.value = query.get('metric') ?? grid.dataset.chosen;
    if (select.selectedIndex < 0) select.value = grid.dataset.chosen;
    order = query.get('sort') ?? '';
    if (unfold) unfold.setAttribute('aria-expanded', query.get('below') === 'shown');
    if (!buttons.some(button => button.dataset.sort === order.replace('-', ''))) order = '';
  }

  const filterSoon = later(60, () => { filter(); keep(); });
  input.addEventListener('input', filterSoon);
  select.addEventListener('change', () => { filter(); keep(); });
  input.form.addEventListener('submit', event => event.preventDefault());
  grid.tHead.addEventListener('click', event => {
    const column = event.target.closest('button')?.dataset.sort;
    if (!column) return;
    const first = ['name', 'status', 'age'].includes(column) ? column : `-${column}`;
    const second = first === column ? `-${column}` : column;
    order = order === first ? second : order === second ? '' : first;
    sort();
    keep();
  });
  unfold?.addEventListener('click', () => {
    unfold.setAttribute('aria-expanded', !isUnfolded());
    filter();
    keep();
  });
  restore();
  if (order) sort();
  filter();
})();
