'use strict';
/* The page of one subject: which metric is drawn and which commits are seen are kept in the address. */
(async () => {
  const {load, address, remember, root, valueText, deltaText, percentText} = memharness;
  const place = document.getElementById('chart');
  const summary = document.getElementById('summary');
  const links = [...document.querySelectorAll('[data-metric]')];
  let data, history;
  try {
    [history, data] = await Promise.all([load('history'), load(`scenario/${place.dataset.subject}`)]);
  } catch (error) {
    summary.textContent = `The chart cannot be drawn: ${error.message}.`;
    return;
  }
  const pages = new Set(history.pages);
  const position = id => id ? history.ids.findIndex(full => full.startsWith(id)) : -1;
  const found = id => position(id) < 0 ? null : position(id);
  let trend;

  function keep(from, to) {
    const whole = chart.whole(), short = at => history.ids[at].slice(0, 10);
    remember({metric: trend.metric === place.dataset.chosen ? '' : trend.metric, from: whole ? '' : short(from), to: whole ? '' : short(to)});
    describe(from, to);
  }
  function describe(from, to) {
    const {unit} = trend, seen = chart.values.slice(from, to + 1).filter(value => value !== null);
    if (!seen.length) { summary.textContent = 'No value is known of these commits.'; return; }
    const first = seen[0], last = seen.at(-1), percent = percentText(first, last);
    const steps = trend.marks.filter(mark => mark.position >= from && mark.position <= to).length;
    summary.textContent = `${seen.length.toLocaleString('en-US')} of ${(to - from + 1).toLocaleString('en-US')} commits measured: ` +
      `from ${valueText(first, unit)} to ${valueText(last, unit)} (${deltaText(last - first, unit)}${percent && ` ${percent}`}), ` +
      `${steps} ${steps === 1 ? 'change' : 'changes'}.`;
  }
  function open(at) {
    if (pages.has(at)) location.href = `${root}commit/${history.ids[at]}.html`;
  }
  function choose(metric, from, to) {
    trend = data.trends.find(item => item.metric === metric) ?? data.trends[0];
    document.getElementById('chosen').textContent = trend.metric;
    for (const link of links) {
      if (link.dataset.metric === trend.metric) link.setAttribute('aria-current', 'true'); else link.removeAttribute('aria-current');
    }
    const pictures = [...document.querySelectorAll('[data-picture]')];
    if (pictures.some(picture => picture.dataset.picture === trend.metric)) {
      for (const picture of pictures) picture.hidden = picture.dataset.picture !== trend.metric;
    }
    chart.show(trend, from, to);
    describe(...chart.visible());
  }

  const chart = await TrendChart.draw(place, history, data.failures, keep, open);
  for (const link of links) {
    link.addEventListener('click', event => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const [from, to] = chart.whole() ? [null, null] : chart.visible();
      choose(link.dataset.metric, from, to);
      keep(...chart.visible());
    });
  }
  /* The same by keyboard: arrows walk along the measured commits, Enter opens one, + and - zoom, 0 shows all. */
  let cursor = null;
  place.parentElement.addEventListener('keydown', event => {
    const [from, to] = chart.visible(), quarter = Math.ceil((to - from) / 4);
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (step) {
      if (cursor < from || cursor > to) cursor = null;
      cursor = chart.neighbour(cursor ?? (step > 0 ? from - 1 : to + 1), step) ?? cursor;
      if (cursor !== null) summary.textContent = chart.point(cursor);
    } else if (event.key === 'Enter' && cursor !== null) open(cursor);
    else if (event.key === '+') chart.look(from + quarter, Math.max(from + quarter, to - quarter));
    else if (event.key === '-') chart.look(Math.max(0, from - quarter), Math.min(history.ids.length - 1, to + quarter));
    else if (event.key === '0') chart.look(null, null);
    else return;
    event.preventDefault();
  });
  const query = address();
  choose(query.get('metric') ?? place.dataset.chosen, found(query.get('from')), found(query.get('to')));
  place.dataset.ready = 'true';
})();
