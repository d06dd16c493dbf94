'use strict';
/* The chart of one trend: fills the Bokeh document of assets/chart-document.js, whose models are known by name. */
const TrendChart = (() => {
  const {valueText, deltaText, percentText, dateText} = memharness;
  const PLAIN = {objects: ['objects', 1], millionths: ['in its own unit', 1e6]};
  const BINARY = [['B', 1], ['KiB', 1024], ['MiB', 1048576], ['GiB', 1073741824], ['TiB', 1099511627776]];
  const MARKERS = {open: 'triangle', suspected: 'triangle', fixed: 'triangle', accepted: 'diamond', transient: 'diamond', improved: 'inverted_triangle', moved: 'inverted_triangle'};
  const TONES = {open: '--rise', suspected: '--waver', transient: '--waver', accepted: '--accepted', fixed: '--accepted', improved: '--fall', moved: '--accepted'};
  const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const spread = values => values.flatMap(item => Array.isArray(item) ? Array(item[1]).fill(item[0]) : [item]);

  class TrendChart {
    /* `moved` is called with the first and last visible position, `opened` with the one that was clicked. */
    static async draw(place, history, failures, moved, opened) {
      await Bokeh.embed.embed_item(memharness.get('chart'), place);
      const chart = Object.assign(new TrendChart(), {document: Bokeh.documents.at(-1), history, failures, moved, opened});
      chart.x = chart.model('x');
      chart.y = chart.model('y');
      chart.connect();
      return chart;
    }
    model(name) { return this.document.get_model_by_name(name); }
    fill(name, data) { this.model(`${name}_source`).data = data; }

    connect() {
      const fit = memharness.later(50, () => this.fit());
      const tell = memharness.later(250, () => {  // not more often: browsers count changes of the address
        const seen = this.visible();
        if (seen.join() !== this.told) this.moved(...seen);
        this.told = seen.join();
      });
      const follow = () => { fit(); tell(); };
      this.x.change.connect(follow);
      for (const name of ['points', 'failures']) {
        const selected = this.model(`${name}_source`).selected;
        selected.properties.indices.change.connect(() => {
          if (!selected.indices.length) return;
          const at = this.model(`${name}_source`).data.x[selected.indices[0]];
          selected.indices = [];
          this.opened(at);
        });
      }
      matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.paint());
      addEventListener('resize', follow);
    }

    /* Show a trend between two positions. */
    show(trend, from, to) {
      this.trend = trend;
      this.values = spread(trend.values);
      const known = this.values.filter(value => value !== null);
      const highest = known.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const [unit, scale] = PLAIN[trend.unit] ?? BINARY.findLast(([, size]) => size <= highest) ?? BINARY[0];
      this.scale = scale;
      this.model('y_axis').axis_label = `${trend.title}, ${unit}${trend.unit.includes('call') ? ' per call' : ''}`;
      const limit = this.model('limit');
      limit.location = trend.limit === null ? 0 : trend.limit / scale;
      limit.visible = trend.limit !== null;
      this.fillValues();
      this.fillGaps();
      this.x.reset_start = -0.5 + this.first();
      this.x.reset_end = this.values.length - 0.5;
      this.look(from, to);
      this.told = this.visible().join();
      this.paint();
    }

    /* The failures that left the metric without a value: a later pass may have failed, or an earlier one. */
    failed() { return this.failures.filter(([at]) => this.values[at] === null); }

    first() {
      const found = this.values.findIndex(value => value !== null);
      return Math.max(0, Math.min(found < 0 ? 0 : found, this.failed()[0]?.[0] ?? this.values.length - 1));
    }
    look(from, to) {
      this.x.setv({start: from === null ? this.x.reset_start : from - 0.5, end: to === null ? this.x.reset_end : to + 0.5});
      this.fit();
    }
    visible() {
      const last = this.values.length - 1, inside = at => Math.min(last, Math.max(0, at));
      return [inside(Math.ceil(this.x.start)), inside(Math.floor(this.x.end))];
    }
    whole() { return Math.abs(this.x.start - this.x.reset_start) < 0.5 && Math.abs(this.x.end - this.x.reset_end) < 0.5; }

    /* The next measured commit in a direction, null where there is none. */
    neighbour(at, step) {
      for (let next = at + step; next >= 0 && next < this.values.length; next += step) if (this.values[next] !== null) return next;
      return null;
    }
    /* Point at a commit and return its figures. */
    point(at) {
      this.model('cursor').setv({location: at, visible: true});
      const {data} = this.model('points_source'), i = data.x.indexOf(at);
      return ['value', 'step', 'commit', 'date', 'author', 'subject'].map(name => data[name][i]).join(' ');
    }

    fillValues() {
      const {ids, subjects, authors, author, times} = this.history, {unit, band, marks} = this.trend;
      const x = [], line = {x: [], y: []};
      let before = null;
      const points = {x, y: [], value: [], step: [], commit: [], date: [], author: [], subject: []};
      this.values.forEach((value, at) => {
        line.x.push(at);
        line.y.push(value === null ? NaN : value / this.scale);
        if (value === null) return;
        x.push(at);
        points.y.push(value / this.scale);
        points.value.push(valueText(value, unit));
        points.step.push(before === null || before === value ? '' : `${deltaText(value - before, unit)} ${percentText(before, value)}`);
        points.commit.push(ids[at].slice(0, 10));
        points.date.push(dateText(times[at]));
        points.author.push(authors[author[at]]);
        points.subject.push(subjects[at]);
        before = value;
      });
      this.fill('line', line);
      this.fill('points', points);
      this.fill('band', {x: band.map(b => b[0]), low: band.map(b => b[1] / this.scale), high: band.map(b => b[2] / this.scale)});
      const rise = mark => mark.after > mark.before;
      this.fill('marks', {
        x: marks.map(mark => mark.position), y: marks.map(mark => mark.after / this.scale),
        marker: marks.map(mark => MARKERS[mark.status] === 'triangle' && !rise(mark) ? 'inverted_triangle' : MARKERS[mark.status]),
        color: marks.map(mark => color(TONES[mark.status])),
      });
    }

    fillGaps() {
      const {ids, subjects, times, tags} = this.history;
      const failures = this.failed(), failed = new Map(failures), last = this.values.length;
      const at = failures.map(([position]) => position);
      this.fill('failures', {
        x: at, left: at.map(i => i - 0.5), right: at.map(i => i + 0.5), reason: failures.map(([, reason]) => reason),
        commit: at.map(i => ids[i].slice(0, 10)), date: at.map(i => dateText(times[i])), subject: at.map(i => subjects[i]),
      });
      const gaps = {left: [], right: []};
      let begin = null;
      for (let i = this.first(); i <= last; i += 1) {
        const gap = i < last && this.values[i] === null && !failed.has(i);
        if (gap && begin === null) begin = i;
        if (!gap && begin !== null) { gaps.left.push(begin - 0.5); gaps.right.push(i - 0.5); begin = null; }
      }
      this.fill('unmeasured', gaps);
      this.tags = Object.entries(tags).map(([position, names]) => [Number(position), names.join(', ')]);
    }

    /* Fit the axis of values to what is visible, and all that depends on how dense it is. */
    fit() {
      const [from, to] = this.visible(), {limit, band} = this.trend;
      const seen = this.values.slice(from, to + 1).filter(value => value !== null);
      for (const [at, low, high] of band) if (at >= from && at <= to) seen.push(low, high);
      let low = Infinity, high = -Infinity;
      for (const value of seen) { low = Math.min(low, value); high = Math.max(high, value); }
      if (low > high) [low, high] = [0, 1];
      if (limit !== null && limit < high + 2 * (high - low + high / 20)) { low = Math.min(low, limit); high = Math.max(high, limit); }
      const span = Math.max(high - low, Math.max(Math.abs(low), Math.abs(high)) / 20, 8), middle = (low + high) / 2;
      this.y.setv({start: (middle - 0.65 * span) / this.scale, end: (middle + 0.72 * span) / this.scale});
      this.label(from, to);
      this.setDensity(from, to);
    }
    label(from, to) {
      const width = this.document.roots()[0].inner_width || 800;
      const step = Math.max(1, Math.ceil((to - from + 1) / Math.max(2, Math.floor(width / 110))));
      const ticks = [];
      for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
      this.model('x_axis').major_label_overrides = new Map(ticks.map(at => [at, dateText(this.history.times[at])]));
      this.model('x_ticker').ticks = ticks;
      const room = 70 * (this.x.end - this.x.start) / width;  // commits below the name of a tag
      let free = -Infinity;
      const names = this.tags.filter(([at]) => at >= from && at <= to).reverse().map(([at, name]) => {
        const fits = Math.abs(free - at) >= room;
        if (fits) free = at;
        return [at, fits ? name : ''];
      });
      const shown = JSON.stringify(names);
      if (shown !== this.shown) this.fill('tags', {x: names.map(([at]) => at), name: names.map(([, name]) => name)});
      this.shown = shown;
    }
    setDensity(from, to) {
      const width = this.document.roots()[0].inner_width || 800;
      const count = this.values.slice(from, to + 1).filter(value => value !== null).length;
      this.model('reach').glyph.size = {value: Math.min(24, Math.max(2, Math.round(width / (count || 1))))};  // where pointing at a column finds it
      this.model('dots').glyph.size = {value: count > width / 3 ? 2 : count > width / 8 ? 3.5 : 6};
    }

    paint() {
      const glyphs = {line: ['line_color', '--line'], dots: ['fill_color', '--line'], band: ['fill_color', '--band'], unmeasured: ['fill_color', '--gap'],
        failures: ['fill_color', '--fail'], tags: ['line_color', '--soft'], tag_names: ['text_color', '--soft'], marks: ['line_color', '--panel']};
      for (const [name, [property, variable]] of Object.entries(glyphs)) this.model(name).glyph[property] = {value: color(variable)};
      const marks = this.model('marks_source');
      marks.data = {...marks.data, color: this.trend.marks.map(mark => color(TONES[mark.status]))};
      this.document.roots()[0].setv({background_fill_color: color('--panel'), border_fill_color: color('--panel'), outline_line_color: color('--rule')});
      for (const name of ['x_axis', 'y_axis']) {
        this.model(name).setv({axis_line_color: color('--soft'), major_tick_line_color: color('--soft'), minor_tick_line_color: null,
          major_label_text_color: color('--text'), axis_label_text_color: color('--soft'), axis_label_text_font_style: 'normal'});
      }
      this.model('y_grid').grid_line_color = color('--grid');
      this.model('limit').line_color = color('--limit');
      this.model('cursor').line_color = color('--waver');
    }
  }
  return TrendChart;
})();
