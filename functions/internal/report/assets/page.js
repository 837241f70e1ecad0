// The page: its filters, and what is drawn anew when one of them changes.

const byId = (id) => document.getElementById(id);

// note sets the part of a chart's caption that depends on the data.
function note(name, text) {
	document.querySelector(`[data-note="${name}"]`).textContent = text;
}

// titleOf gives a chart's heading.
function titleOf(name) {
	return byId(`${name}-title`).textContent;
}

// showBars shows a cube: a bar for each of its largest members, and a table of all. What is not among
// the members, or not among the first most, is one row. total is the sum of all that is shown.
function showBars(name, heading, unit, text, {total, most = Infinity, bars = most}) {
	const cube = cubes[name];
	const sums = byMember(cube);
	const members = cube.members.map((_, i) => ({label: labelOf(cube.members, i), value: sums[i]})).filter((m) => m.value !== 0n);
	members.sort((a, b) => a.value < b.value ? 1 : a.value > b.value ? -1 : 0);
	const listed = members.slice(0, most);
	const sum = total ?? sums.reduce((a, b) => a + b, 0n);
	const rest = sum - listed.reduce((a, m) => a + m.value, 0n);
	const rows = rest === 0n ? listed : [...listed, {label: OTHERS, value: rest, others: true}];
	// Others are all client addresses but ten, and would dwarf them.
	drawBars(name, titleOf(name), total === undefined && bars >= listed.length ? rows : listed.slice(0, bars), text);
	const columns = text === bytesText ? [heading, unit, 'In units', 'Share'] : [heading, unit, 'Share'];
	const cells = (m) => text === bytesText ? [m.label, m.value, text(m.value), percentText(m.value, sum)] : [m.label, m.value, percentText(m.value, sum)];
	fillTable(name, columns, rows.map(cells), cells({label: 'total', value: sum}));
}

// showLines shows sums over time: a line for each label, and a table of all.
function showLines(name, lines, labels) {
	const starts = lines[0].map((_, i) => stepStart(filter.from + i));
	const series = lines.map((values, i) => ({label: labels[i], values, others: i === lines.length - 1})).filter((s) => s.values.some((v) => v !== 0n));
	drawLines(name, titleOf(name), starts, series, bytesText);
	const sum = (list) => list.reduce((a, b) => a + b, 0n);
	const rows = starts.map((ms, i) => [stepText(ms), ...series.map((s) => s.values[i]), sum(series.map((s) => s.values[i]))]);
	fillTable(name, [`${data.unit} (UTC)`, ...series.map((s) => s.label), 'total'], rows, ['total', ...series.map((s) => sum(s.values)), sum(series.map((s) => sum(s.values)))]);
}

// showRejects shows the rejected lines of the days that are shown.
function showRejects() {
	const reasons = data.rejects.reasons;
	const sums = new Array(reasons.length + 1).fill(0n);
	for (const [start, reason, lines] of data.rejects.cells) {
		if (showsDay(start)) sums[reason] += BigInt(lines);
	}
	const rows = sums.map((value, i) => ({label: labelOf(reasons, i), value, others: i === reasons.length})).filter((r) => r.value > 0n);
	const total = sums.reduce((a, b) => a + b, 0n);
	drawBars('rejects', titleOf('rejects'), rows, countText);
	fillTable('rejects', ['reason', 'lines', 'Share'], rows.map((r) => [r.label, r.value, percentText(r.value, total)]), ['total', total, percentText(total, total)]);
}

// slotDays gives the days of source files that are shown, of the accelerator that is: their start, how
// many files are looked for, those seen by class of lag, and the longest lag or null.
function slotDays() {
	const {perDay, accelerators, days, bounds, seen, longest} = data.slots;
	const chosen = accelerators.map((_, i) => i).filter((i) => filter.accelerator === null || filter.accelerator === i);
	const classes = bounds.length + 1;
	const all = days.map((day, i) => {
		const lags = chosen.map((a) => longest[a][i]).filter((lag) => lag !== null);
		return {
			day,
			expected: BigInt(perDay * chosen.reduce((n, a) => n + accelerators[a][i], 0)),
			seen: Array.from({length: classes}, (_, c) => BigInt(chosen.reduce((n, a) => n + seen[a][i * classes + c], 0))),
			longest: lags.length === 0 ? null : BigInt(Math.max(...lags)),
		};
	});
	// Up to the end are also the days after the last record, of which files are missed.
	const after = filter.to === data.steps.length - 1 ? stepStart(filter.to) / 1000 : Infinity;
	return all.filter((d) => d.expected > 0n && (showsDay(d.day) || d.day > after));
}

// slotsText says which files of the lake are in no day that is shown.
function slotsText() {
	const {unnamed, earlier} = data.slots;
	return [
		unnamed === 0 ? '' : `Not counted, because the name tells no time: ${counted(unnamed, 'file')} of the lake.`,
		earlier === 0 ? '' : `Earlier, and left out: ${counted(earlier, 'day')} of files.`,
	].join(' ');
}

// showCompleteness shows how many source files of each day were seen.
function showCompleteness() {
	const days = slotDays().map(({day, expected, seen}) => ({day, expected, seen: seen.reduce((a, b) => a + b)}));
	drawDays('completeness', titleOf('completeness'), days);
	fillTable('completeness', ['day (UTC)', 'files seen', 'of', 'not seen', 'complete'], days.map((d) => [dayText(d.day), d.seen, d.expected, d.expected - d.seen, percentText(d.seen, d.expected)]));
	note('completeness', slotsText());
}

// showLag shows how late the source files of each day came.
function showLag() {
	const {bounds} = data.slots, shown = slotDays();
	const labels = [...bounds.map((b) => `up to ${durationText(b)}`), `more than ${durationText(bounds[bounds.length - 1])}`];
	const parts = labels.map((label, c) => ({label, values: shown.map((d) => d.seen[c])}));
	const lag = (d) => d.longest === null ? '' : durationText(d.longest);
	drawStacks('lag', titleOf('lag'), shown.map((d) => d.day), parts, (i) => [['longest', lag(shown[i])]]);
	const rows = shown.filter((d) => d.longest !== null).map((d) => [dayText(d.day), ...d.seen, {value: d.longest, text: lag(d)}]);
	fillTable('lag', ['day (UTC)', ...labels, 'longest'], rows);
	note('lag', slotsText());
}

// asideText says which records are in no picture over time.
function asideText() {
	const {timeless, strays, first, last} = data.aside, parts = [];
	if (BigInt(strays) > 0n) parts.push(`${counted(strays, 'record')} far from all others in time (${first === last ? instantText(first) : `${instantText(first)} to ${instantText(last)}`})`);
	if (BigInt(timeless) > 0n) parts.push(`${counted(timeless, 'record')} without a time`);
	return parts.length === 0 ? '' : ` ${parts.join(', and ')}: counted while the whole range is shown, and in no picture over time.`;
}

// showTotals shows the totals, those of the filter first.
function showTotals(t) {
	const all = data.totals;
	const list = [
		['rows', 'Records', digits(t.rows), t.rows],
		['bytes', 'Bytes', bytesText(t.bytes), t.bytes, `${digits(t.bytes)} B`],
		['packets', 'Packets', countText(t.packets), t.packets, digits(t.packets)],
		['accelerators', 'Accelerators *', digits(all.accelerators), all.accelerators],
		['clients', 'Client addresses *', digits(all.clients), all.clients],
		['endpoints', 'Endpoints *', digits(all.endpoints), all.endpoints],
		['first', 'First start *', instantText(all.first), all.first ?? ''],
		['last', 'Last end *', instantText(all.last), all.last ?? ''],
	];
	byId('totals').replaceChildren(...list.map(([name, label, text, value, exact]) => {
		const div = document.createElement('div'), dd = element('dd', text);
		dd.dataset.total = name;
		dd.dataset.value = String(value);
		if (exact) {
			dd.title = exact;
			dd.append(element('small', exact));
		}
		div.append(element('dt', label), dd);
		return div;
	}));
	byId('totals-note').textContent = `* of the whole range, whatever is filtered.${asideText()}`;
}

// show draws everything anew.
function show() {
	const t = totals();
	showTotals(t);
	showBars('clients', 'client address', 'bytes', bytesText, {total: t.bytes, most: 10});
	const endpoints = cubes.endpoints;
	showLines('endpoints', timeline(endpoints.series, endpoints.members.length + 1, (s, i) => [s.head[0], s.values[i]]), [...endpoints.members.map((_, i) => labelOf(endpoints.members, i)), OTHERS]);
	showLines('directions', timeline(base, data.directions.length + 1, (s, i) => [s.head[1], s.values[3 * i + 1]]), [...data.directions.map((_, i) => labelOf(data.directions, i)), OTHERS]);
	showBars('edges', 'edge location', 'bytes', bytesText, {bars: 15});
	showBars('regions', 'endpoint Region', 'bytes', bytesText, {});
	showBars('ports', 'protocol and port', 'bytes', bytesText, {});
	showBars('refused', 'reason', 'records', countText, {});
	showRejects();
	showCompleteness();
	showLag();

	const r = range();
	const of = (list, index, all) => index === null ? all : labelOf(list, index);
	byId('status').textContent = `Shown: ${r ? `${stepText(r.from)} to before ${stepText(r.to)} UTC` : 'all times'}, ${of(data.accelerators, filter.accelerator, 'all accelerators')}, ${of(data.directions, filter.direction, 'all directions')}: ${counted(t.rows, 'record')}, ${bytesText(t.bytes)}.`;
	window.flowlake = {
		state: {
			from: r && new Date(r.from).toISOString(),
			to: r && new Date(r.to).toISOString(),
			accelerator: filter.accelerator === null ? null : labelOf(data.accelerators, filter.accelerator),
			direction: filter.direction === null ? null : labelOf(data.directions, filter.direction),
		},
		totals: {rows: String(t.rows), bytes: String(t.bytes), packets: String(t.packets)},
	};
}

// fillSelect fills a select with options of a value and a label.
function fillSelect(id, options) {
	byId(id).replaceChildren(...options.map(([value, label]) => {
		const o = element('option', label);
		o.value = value;
		return o;
	}));
}

// setUpFilters fills the filters and has them act.
function setUpFilters() {
	const steps = data.steps.map((s, i) => [String(i), stepText(s * 1000)]);
	const choices = (list, used, all) => [['', all], ...used.map((i) => [String(i), labelOf(list, i)])];
	const used = (at) => [...new Set(base.map((s) => s.head[at]))].sort((a, b) => a - b);
	fillSelect('from', steps);
	fillSelect('to', steps);
	fillSelect('accelerator', choices(data.accelerators, used(0), 'all'));
	fillSelect('direction', choices(data.directions, used(1), 'both'));
	const reset = () => Object.assign(filter, {from: 0, to: Math.max(0, data.steps.length - 1), accelerator: null, direction: null});
	const write = () => {
		for (const id of ['from', 'to', 'accelerator', 'direction']) byId(id).value = filter[id] === null ? '' : String(filter[id]);
	};
	for (const id of ['from', 'to', 'accelerator', 'direction']) {
		byId(id).addEventListener('change', () => {
			filter[id] = byId(id).value === '' ? null : Number(byId(id).value);
			// The other end of the range gives way.
			if (id === 'from') filter.to = Math.max(filter.to, filter.from);
			if (id === 'to') filter.from = Math.min(filter.to, filter.from);
			write();
			show();
		});
	}
	byId('scale').addEventListener('change', show);
	byId('reset').addEventListener('click', () => {
		reset();
		byId('scale').value = 'linear';
		write();
		show();
	});
	byId('filters').addEventListener('submit', (e) => e.preventDefault());
	write();
}

// setUpTheme has the button and the system's setting act. Paper is light.
function setUpTheme() {
	const root = document.documentElement, system = matchMedia('(prefers-color-scheme: dark)');
	const dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : system.matches;
	const mark = () => byId('theme').setAttribute('aria-pressed', String(dark()));
	byId('theme').addEventListener('click', () => {
		root.dataset.theme = dark() ? 'light' : 'dark';
		mark();
		show();
	});
	system.addEventListener('change', () => {
		mark();
		show();
	});
	let before;
	addEventListener('beforeprint', () => {
		before = root.dataset.theme;
		root.dataset.theme = 'light';
		document.body.style.width = '680px'; // what fits the paper, for the pictures
		show();
	});
	addEventListener('afterprint', () => {
		if (before) root.dataset.theme = before;
		else delete root.dataset.theme;
		document.body.style.width = '';
		show();
	});
	mark();
}

// LONGER says why the steps of a page are longer than an hour.
const LONGER = {hour: '', day: ', because it is more than 14 days or has many accelerators', month: ', because it is more than a year or has many accelerators', year: ', because it is more than fifty years'};

byId('range').textContent = `${instantText(data.first)} to ${instantText(data.last)}, by ${data.unit}${LONGER[data.unit]}. All times are UTC; kB, MB, GB are powers of 1000.`;
byId('made').textContent = `Made by flowlake from the registered partitions of ${data.table}. Filters name the ${counted(data.accelerators.length, 'accelerator')} with most bytes, and take all others together.`;
note('clients', `With a filter, the ten are chosen among the ${counted(cubes.clients.members.length, 'address', 'addresses')} with most bytes over the whole range.`);
setUpFilters();
setUpTheme();
show();
let width = innerWidth;
addEventListener('resize', () => {
	if (innerWidth === width) return; // scroll bars of phones
	width = innerWidth;
	for (const c of charts.values()) c.resize();
});
document.documentElement.dataset.ready = 'true';
