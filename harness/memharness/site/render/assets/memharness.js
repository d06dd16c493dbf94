'use strict';
/* What the scripts of the pages share: data scripts on demand, figures as text, the state in the address. */
const memharness = (() => {
  const {root = '', build = ''} = document.documentElement.dataset;
  const values = new Map();
  const loading = new Map();

  /* Called by every data script. */
  const put = (key, value) => values.set(key, value);
  const get = key => values.get(key);

  /* Pages opened from a folder may not fetch; a script may be added there all the same. */
  function load(key) {
    if (!loading.has(key)) {
      loading.set(key, new Promise((resolve, reject) => {
        const script = document.createElement('script');
        const path = key.split('/').map(encodeURIComponent).join('/');
        script.src = `${root}data/${path}.js?v=${build}`;
        script.onload = () => values.has(key) ? resolve(values.get(key)) : reject(new Error(`no data: ${key}`));
        script.onerror = () => reject(new Error(`no data: ${key}`));
        document.head.append(script);
      }));
    }
    return loading.get(key);
  }

  /* The same as bytes_text, delta_text and percent_text of the Python side, to the last digit. */
  const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  function bytesText(size) {
    if (size < 0) return '-' + bytesText(-size);
    const exact = BigInt(size);
    const power = Math.min(Math.floor((exact.toString(2).length - 1) / 10), UNITS.length - 1);
    const unit = 1n << BigInt(10 * power);
    let hundredths = exact * 100n / unit;
    const rest = exact * 100n % unit;
    if (rest && 2n * rest >= unit && hundredths + 1n < 102400n) hundredths += 1n;
    let part = '.' + String(hundredths % 100n).padStart(2, '0');
    if (!rest) part = part.replace(/\.?0+$/, '');
    return `${hundredths / 100n}${part} ${UNITS[power]}`;
  }
  const grouped = number => number.toLocaleString('en-US');
  const millionths = value => (Number(value) / 1e6).toLocaleString('en-US', { maximumFractionDigits: 6 });
  function valueText(value, unit) {
    if (value === null || value === undefined) return '-';
    if (unit === 'millionths') return millionths(value);
    return unit === 'objects' ? grouped(value) : bytesText(value) + (unit.includes('call') ? '/call' : '');
  }
  function deltaText(value, unit) {
    if (value === 0) return '=';
    if (unit === 'millionths') return (value > 0 ? '+' : '') + millionths(value);
    return (value > 0 ? '+' : '') + (unit === 'objects' ? grouped(value) : bytesText(value));
  }
  function percentText(before, after) {
    if (before <= 0 || before === after) return '';
    const old = BigInt(before), difference = BigInt(after) - old;
    const size = difference < 0n ? -difference : difference;
    const digits = tenths => `${grouped(tenths / 10n)}.${tenths % 10n}`;
    if (size >= 10n * old) return `${difference < 0n ? '-' : ''}${digits((size + (difference < 0n ? -old : old)) * 10n / old)} x`;
    const tenths = size * 1000n / old, sign = difference < 0n ? '-' : '+';
    return tenths ? `${sign}${tenths / 10n}.${tenths % 10n}%` : `${sign}<0.1%`;
  }
  const dateText = seconds => {
    const date = new Date(seconds * 1000);
    return isNaN(date) ? 'no date' : date.toISOString().slice(0, 10);
  };

  const address = () => new URLSearchParams(location.search);
  /* Keep state in the address: an empty value leaves it out. */
  function remember(state) {
    const query = address();
    for (const [name, value] of Object.entries(state)) {
      if (value) query.set(name, value); else query.delete(name);
    }
    const text = query.toString();
    history.replaceState(null, '', (text ? `?${text}` : location.pathname) + location.hash);
  }
  const words = text => text.toLowerCase().split(/\s+/).filter(Boolean);
  function later(milliseconds, action) {
    let timer;
    return () => { clearTimeout(timer); timer = setTimeout(action, milliseconds); };
  }
  /* An element with classes and children; text is text, never markup. */
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }
  return {put, get, load, bytesText, valueText, deltaText, percentText, dateText, address, remember, words, later, element, root};
})();
