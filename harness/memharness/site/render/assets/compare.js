'use strict';
/* Any two commits, side by side: the scripts of both are loaded, and those of two profiles where lines are asked for. */
(() => {
  const {load, address, remember, words, later, element, root, valueText, deltaText, percentText, bytesText} = memharness;
  const byId = id => document.getElementById(id);
  const form = byId('form'), inputs = [byId('a'), byId('b')], message = byId('message'), result = byId('result'), lines = byId('lines');
  const units = JSON.parse(form.dataset.units);
  const subjects = [...document.querySelectorAll('[data-id]')].map(item => item.dataset);
  const KINDS = {peak: ['peak'], result: ['alive', 'retained'], retained: ['retained'], import: ['import']};  // less those after the first
  let history, rows = [];

  /* The position of what was typed: a tag, newest~3, or the beginning of an id that only one has; -1 for nothing. */
  function position(text) {
    const newest = /^(?:newest|head)(?:~(\d+))?$/i.exec(text);
    if (newest) return Math.max(-1, history.pages.at(-1) - Number(newest[1] ?? 0));
    const tagged = Object.entries(history.tags).find(([, names]) => names.includes(text));
    if (tagged) return Number(tagged[0]);
    const matches = /^[0-9a-f]{4,}$/i.test(text) ? history.ids.flatMap((id, at) => id.startsWith(text.toLowerCase()) ? [at] : []) : [];
    return matches.length === 1 ? matches[0] : -1;
  }
  /* Path and line, linked to the forge where the site says how; the same as PageLinks.line of the Python side. */
  function placeOf(commit, path, line) {
    const text = `${path}:${line}`, parts = path.split('/');
    if (!form.dataset.line || !path || /^[</]/.test(path) || parts.includes('..')) return element('span', {class: 'place'}, text);
    const fields = {commit, path: parts.map(encodeURIComponent).join('/'), line};
    return element('a', {class: 'place', href: form.dataset.line.replace(/\{(\w+)\}/g, (whole, name) => fields[name] ?? whole)}, text);
  }
  const command = (a, b) => `memharness compare ${a} ${b}`;

  async function compare() {
    result.replaceChildren();
    lines.replaceChildren();
    message.textContent = '';
    const texts = inputs.map(input => input.value.trim());
    if (texts.some(text => !text)) {
      if (texts.some(Boolean)) message.textContent = 'Name two commits.';
      return;
    }
    remember({a: texts[0], b: texts[1]});
    const places = texts.map(position), pages = new Set(history.pages);
    const strange = texts.filter((_, index) => places[index] < 0);
    if (strange.length) { message.textContent = `No single commit of this site is meant by ${strange.join(', ')}.`; return; }
    const ids = places.map(at => history.ids[at]);
    try {
      if (!places.every(at => pages.has(at))) throw new Error('nothing is stored of it');
      show(ids, await Promise.all(ids.map(id => load(`commit/${id}`))));
    } catch {
      const missing = ids.filter((_, index) => !pages.has(places[index])).map(id => id.slice(0, 10)).join(' and ');
      message.textContent = `This site holds no results${missing && ` of ${missing}`}. Measure them: ${command(...ids.map(id => id.slice(0, 10)))}`;
    }
  }

  function link(at) {
    const id = history.ids[at];
    return element('a', {href: `${root}commit/${id}.html`}, element('code', {}, id.slice(0, 10)));
  }

  function show(ids, [before, after]) {
    const found = subjects.flatMap(subject => Object.keys(units).flatMap(metric => {
      const [old, now] = [before, after].map(data => data.values[subject.id]?.[data.metrics.indexOf(metric)] ?? undefined);
      return old === undefined && now === undefined ? [] : [{subject, metric, old, now, unit: units[metric]}];
    }));
    const failed = ({subject: {id}}) => before.failed[id] || after.failed[id];
    const size = item => {
      const {old, now} = item;
      if (old === undefined || now === undefined) return failed(item) ? Infinity : -1;
      return old === now ? 0 : old ? Math.abs(now - old) / Math.abs(old) : Infinity;
    };
    found.sort((x, y) => size(y) - size(x) || 0);
    const body = element('tbody');
    rows = found.map(item => {
      const row = makeRow(item, before, after);
      body.append(row);
      return {row, text: `${item.subject.case} ${item.metric} ${item.subject.where}`.toLowerCase()};
    });
    const [a, b] = ids.map(id => history.ids.indexOf(id));
    const head = [['case and metric', ''], ['before', 'number'], ['after', 'number'], ['difference', 'number'], ['', 'number'], ['lines', '']];
    const caption = element('caption', {}, 'From ', link(a), ` ${history.subjects[a]} to `, link(b), ` ${history.subjects[b]}; failures and the largest relative difference first`);
    const table = element('table', {class: 'grid compared stack'}, caption, element('thead', {}, element('tr', {}, ...head.map(([name, kind]) => element('th', {scope: 'col', class: kind}, name || 'per cent')))), body);
    const more = element('p', {class: 'note'}, 'The lines of all figures: ', element('code', {}, command(...ids.map(id => id.slice(0, 10)))));
    result.replaceChildren(element('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Comparison'}, table), more);
    filter();
  }

  function makeRow(item, before, after) {
    const {subject, metric, old, now, unit} = item, both = old !== undefined && now !== undefined;
    const held = profilesOf(metric, [before, after].map(data => data.profiles[subject.id] ?? {}));
    const name = element('a', {href: `${root}scenario/${encodeURIComponent(subject.id)}.html?metric=${metric}`}, subject.case);
    const last = element('td');
    if (held) {
      const button = element('button', {type: 'button', 'aria-label': `lines of ${subject.case} ${metric}`}, 'lines');
      button.addEventListener('click', () => showLines(item, held, [before.id, after.id]));
      last.append(button);
    }
    const difference = both ? now - old : 0, tone = difference > 0 ? 'number up' : difference < 0 ? 'number down' : 'number';
    return element('tr', {},
      element('th', {scope: 'row'}, name, ' ', element('span', {class: 'metric'}, metric), ' ', element('span', {class: 'note'}, subject.where)),
      ...[[old, before], [now, after]].map(([value, data]) => element('td', {class: 'number'}, ...figure(value, unit, data.failed[subject.id]))),
      element('td', {class: tone}, both ? deltaText(difference, unit) : ''), element('td', {class: 'number'}, both ? percentText(old, now) : ''), last);
  }

  /* A value, or what failed in its place. */
  function figure(value, unit, failed) {
    return value === undefined && failed ? [element('span', {class: 'label failed', title: failed}, '✗ failed')] : [valueText(value, unit)];
  }

  /* The ids of the profiles of both sides: explained ones, marked by +, where both have them, as libraries are folded there. */
  function profilesOf(metric, sides) {
    for (const mark of ['+', '']) {
      const [one, other] = sides.map(ids => (KINDS[metric] ?? []).map(kind => ids[kind + mark]));
      if (one.length && [...one, ...other].every(Boolean)) return String(one) === String(other) ? null : [one, other];
    }
    return null;
  }

  function filter() {
    const wanted = words(byId('words').value);
    let shown = 0;
    for (const {row, text} of rows) {
      row.hidden = !wanted.every(word => text.includes(word));
      shown += !row.hidden;
    }
    if (rows.length) message.textContent = shown === rows.length ? `${shown} figures.` : `${shown} of ${rows.length} figures.`;
    else if (result.firstChild) message.textContent = 'Neither commit has a result.';
  }

  /* Lines are told apart by path, function and text, so what only moved is no difference. */
  async function showLines({subject, metric}, held, commits) {
    const profiles = await Promise.all(held.map(ids => Promise.all(ids.map(id => load(`profile/${id}`)))));
    const sums = new Map();
    profiles.forEach((parts, index) => parts.forEach((profile, less) => {
      for (const [path, line, name, source, size, , library] of profile.lines) {
        const key = JSON.stringify([path, name, source, library ?? '']);
        const sum = sums.get(key) ?? {path, name, source, library, sizes: [0, 0]};
        sum.sizes[index] += less ? -size : size;
        Object.assign(sum, {line, side: index});
        sums.set(key, sum);
      }
    }));
    const moved = [...sums.values()].map(sum => ({...sum, difference: sum.sizes[1] - sum.sizes[0]})).filter(sum => sum.difference);
    moved.sort((x, y) => Math.abs(y.difference) - Math.abs(x.difference));
    const body = element('tbody', {}, ...moved.slice(0, 40).map(sum => element('tr', {},
      element('td', {class: 'number'}, deltaText(sum.difference, 'bytes')), element('td', {class: 'number'}, bytesText(sum.sizes[0])), element('td', {class: 'number'}, bytesText(sum.sizes[1])),
      element('td', {}, placeOf(commits[sum.side], sum.path, sum.line), ' ', element('span', {class: 'function'}, sum.name),
        sum.library ? ` in ${sum.library}` : '', element('code', {class: 'source'}, sum.source)))));
    const rest = moved.slice(40).reduce((total, sum) => total + sum.difference, 0);
    if (moved.length > 40) body.append(element('tr', {}, element('td', {class: 'number'}, deltaText(rest, 'bytes')), element('td'), element('td'), element('td', {class: 'note'}, `${moved.length - 40} more lines`)));
    const head = element('thead', {}, element('tr', {}, ...['difference', 'before', 'after', 'line'].map((name, index) => element('th', {scope: 'col', class: index < 3 ? 'number' : ''}, name))));
    const heading = element('h2', {tabindex: '-1'}, `Lines of ${subject.case}, ${metric}`);
    lines.replaceChildren(heading, element('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Lines'},
      element('table', {class: 'blame stack'}, element('caption', {}, moved.length ? 'The largest difference first' : 'No line differs.'), head, body)));
    heading.focus();
  }

  async function start() {
    history = await load('history');
    const known = [...Object.values(history.tags).flat().reverse(), 'newest'];
    const recent = history.pages.slice(-200).reverse();
    byId('commits').append(...known.map(name => element('option', {value: name})),
      ...recent.map(at => element('option', {value: history.ids[at].slice(0, 10), label: history.subjects[at]})));
    const query = address();
    inputs[0].value = query.get('a') ?? '';
    inputs[1].value = query.get('b') ?? '';
    form.addEventListener('submit', event => { event.preventDefault(); compare(); });
    byId('words').addEventListener('input', later(60, filter));
    await compare();
    document.documentElement.dataset.ready = 'true';
  }
  start();
})();
