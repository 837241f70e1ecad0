// The pictures. Every text in them that comes from the lake is drawn as text of the SVG, or becomes a
// text node of the tooltip.

const charts = new Map(); // by name: the library's object
const DASHES = ['solid', 'dashed', 'dotted'];
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond'];
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif';

// TIMES are how the axis of time writes the start of a year, a month, a day and an hour.
const TIMES = {year: '{yyyy}', month: '{yyyy}-{MM}', day: '{MM}-{dd}', hour: '{HH}:{mm}'};

// colors gives the colors of the theme. Only what is drawn has them: a property of its own keeps the words
// light-dark().
function colors() {
	const probe = document.body.appendChild(element('span'));
	const of = (name) => {
		probe.style.color = `var(--${name})`;
		return getComputedStyle(probe).color;
	};
	const palette = {ink: of('ink'), dim: of('dim'), line: of('line'), grid: of('grid'), paper: of('paper'), series: Array.from({length: 9}, (_, i) => of(`c${i}`))};
	probe.remove();
	return palette;
}

// colorOf gives the color of a series; the last one is that of others.
function colorOf(palette, s, i) {
	return s.others ? palette.series[8] : palette.series[i % 8];
}

// tip gives a tooltip: a heading, then pairs of a label and a number.
function tip(heading, pairs) {
	const e = element('div', undefined, 'tip');
	e.append(element('p', heading));
	for (const [label, number] of pairs) {
		const p = element('p', undefined, 'of');
		p.append(element('span', label), element('strong', number));
		e.append(p);
	}
	return e;
}

// draw draws a chart with those options of the library, or says that there is nothing to draw.
function draw(name, marks, height, label, options) {
	const box = document.querySelector(`[data-chart="${name}"]`);
	const figure = box.closest('figure');
	box.dataset.marks = String(marks);
	box.hidden = marks === 0;
	figure.querySelector('.none').hidden = marks !== 0;
	if (marks === 0) {
		figure.querySelector('.legend').hidden = true;
		return;
	}
	box.style.height = `${height}px`;
	box.setAttribute('aria-label', label);
	let chart = charts.get(name);
	if (!chart) {
		chart = echarts.init(box, null, {renderer: 'svg'});
		charts.set(name, chart);
	}
	chart.resize();
	const palette = colors();
	chart.setOption({
		animation: false,
		useUTC: true,
		textStyle: {color: palette.ink, fontFamily: FONT.slice(5), fontSize: 12},
		...options(palette),
	}, {notMerge: true});
	chart.getZr().flush();
}

function tooltip(palette, more) {
	return {backgroundColor: palette.paper, borderColor: palette.line, textStyle: {color: palette.ink}, confine: true, ...more};
}

// valueAxis gives an axis of numbers; bounds are those of a logarithmic one, or null.
function valueAxis(palette, text, bounds) {
	return {
		type: bounds ? 'log' : 'value',
		...bounds,
		splitNumber: 3,
		minInterval: 1, // they are whole
		axisLabel: {color: palette.dim, formatter: (v) => text(v), hideOverlap: true},
		splitLine: {lineStyle: {color: palette.grid}},
	};
}

// logarithmic says whether the axes of numbers are.
const logarithmic = () => document.getElementById('scale').value === 'log';

// logBounds gives the ends of a logarithmic axis for positive numbers: powers of ten around them, with
// room for the shortest bar. It is null for a linear axis.
function logBounds(values) {
	const positive = values.filter((v) => v > 0n).map(Number);
	if (!logarithmic() || positive.length === 0) return null;
	const least = Math.floor(Math.log10(positive.reduce((a, b) => Math.min(a, b))));
	const most = Math.ceil(Math.log10(positive.reduce((a, b) => Math.max(a, b))));
	return {min: 10 ** Math.max(0, least - 1), max: 10 ** Math.max(1, most)};
}

// drawBars draws a horizontal bar for each item: {label, value}, the first on top. text gives a number
// as it is written beside its bar.
function drawBars(name, title, items, text) {
	const drawn = items.filter((i) => i.value > 0n);
	const label = drawn.length === 0 ? title : `Bar chart: ${title}. ${drawn.length} bars; the longest is ${drawn[0].label} with ${text(drawn[0].value)}. The table has all numbers.`;
	draw(name, drawn.length, 60 + 26 * drawn.length, label, (palette) => ({
		grid: {left: 8, right: 76, top: 4, bottom: 4, containLabel: true},
		tooltip: tooltip(palette, {trigger: 'item', formatter: (p) => tip(drawn[p.dataIndex].label, [[text(drawn[p.dataIndex].value), digits(drawn[p.dataIndex].value)]])}),
		xAxis: valueAxis(palette, text, logBounds(drawn.map((i) => i.value))),
		yAxis: {
			type: 'category',
			inverse: true,
			data: drawn.map((_, i) => String(i)),
			axisTick: {show: false},
			axisLine: {lineStyle: {color: palette.dim}},
			axisLabel: {color: palette.ink, interval: 0, width: 190, overflow: 'truncate', formatter: (i) => drawn[i].label},
		},
		series: [{
			type: 'bar',
			barMaxWidth: 18,
			barMinHeight: 2, // the smallest is a bar, too
			data: drawn.map((i) => ({value: Number(i.value), itemStyle: {color: i.others ? palette.series[8] : palette.series[0]}})),
			label: {show: true, position: 'right', color: palette.ink, formatter: (p) => text(drawn[p.dataIndex].value)},
			emphasis: {disabled: true},
		}],
	}));
}

// drawLines draws a line for each series: {label, values, others}, over the starts of steps in
// milliseconds.
function drawLines(name, title, starts, series, text) {
	const marks = series.length * starts.length;
	const bounds = logBounds(series.flatMap((s) => s.values));
	const height = (v) => bounds && v <= 0n ? null : Number(v); // no logarithm has a zero
	const label = `Line chart: ${title}, ${series.length} lines: ${series.map((s) => s.label).join(', ')}. The table has all numbers.`;
	draw(name, marks, 300, label, (palette) => ({
		grid: {left: 8, right: 20, top: 12, bottom: 4, containLabel: true},
		tooltip: tooltip(palette, {
			trigger: 'axis',
			axisPointer: {lineStyle: {color: palette.dim}},
			formatter: (points) => {
				const i = points[0].dataIndex;
				return tip(`${stepText(starts[i])} UTC`, series.map((s) => [s.label, text(s.values[i])]));
			},
		}),
		xAxis: {type: 'time', axisLabel: {color: palette.dim, hideOverlap: true, formatter: TIMES}, axisLine: {lineStyle: {color: palette.dim}}},
		yAxis: valueAxis(palette, text, bounds),
		series: series.map((s, i) => ({
			type: 'line',
			name: String(i),
			data: s.values.map((v, at) => [starts[at], height(v)]),
			symbol: SYMBOLS[i % SYMBOLS.length],
			symbolSize: 6,
			showSymbol: starts.length <= 48,
			color: colorOf(palette, s, i),
			lineStyle: {width: 2, type: DASHES[i % DASHES.length]},
			emphasis: {disabled: true},
		})),
	}));
	const line = (s, i) => ({label: s.label, color: s.others ? 8 : i % 8, width: 3, dashes: {solid: 'none', dashed: '7 4', dotted: '2 3'}[DASHES[i % DASHES.length]]});
	if (marks > 0) drawLegend(name, series.map(line));
}

// drawLegend lists the lines of a chart, or its colors: {label, color, width, dashes}.
function drawLegend(name, items) {
	const legend = document.querySelector(`[data-chart="${name}"]`).closest('figure').querySelector('.legend');
	legend.hidden = false;
	legend.replaceChildren(...items.map(({label, color, width, dashes}) => {
		const li = document.createElement('li');
		const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
		const line = document.createElementNS('http://www.w3.org/2000/svg', 'line');
		for (const [k, v] of Object.entries({width: 28, height: 8})) svg.setAttribute(k, v);
		for (const [k, v] of Object.entries({x1: 0, y1: 4, x2: 28, y2: 4, 'stroke-width': width, 'stroke-dasharray': dashes})) line.setAttribute(k, v);
		line.style.stroke = `var(--c${color})`;
		svg.append(line);
		li.append(svg, element('span', label));
		return li;
	}));
}

// drawDays draws, for each day, a bar of what was seen within one of what there should be: {day, seen,
// expected}.
function drawDays(name, title, days) {
	const marks = days.length;
	draw(name, marks, 240, `Bar chart: ${title}, ${days.length} days. The table has all numbers.`, (palette) => ({
		grid: {left: 8, right: 20, top: 12, bottom: 4, containLabel: true},
		tooltip: tooltip(palette, {
			trigger: 'axis',
			axisPointer: {type: 'shadow'},
			formatter: (points) => {
				const {day, seen, expected} = days[points[0].dataIndex];
				return tip(dayText(day), [['seen', digits(seen)], ['of', digits(expected)], ['', percentText(seen, expected)]]);
			},
		}),
		xAxis: {type: 'category', data: days.map((d) => dayText(d.day)), axisLabel: {color: palette.dim, hideOverlap: true}, axisLine: {lineStyle: {color: palette.dim}}},
		yAxis: {...valueAxis(palette, (v) => `${v} %`, null), max: 100, interval: 25},
		series: [{
			type: 'bar',
			barMaxWidth: 40,
			showBackground: true,
			backgroundStyle: {color: palette.grid},
			data: days.map((d) => Number(d.seen) * 100 / Number(d.expected)),
			itemStyle: {color: palette.series[0]},
			emphasis: {disabled: true},
		}],
	}));
}

// STACK are the colors of stacked bars, from good to bad.
const STACK = [0, 2, 5, 1, 4];

// drawStacks draws, for each day, a bar of parts: {label, values}, the first at the bottom. more gives
// further pairs for the tooltip of a day.
function drawStacks(name, title, days, parts, more) {
	const marks = parts.reduce((n, p) => n + p.values.filter((v) => v > 0n).length, 0);
	draw(name, marks, 240, `Stacked bar chart: ${title}, ${days.length} days, in parts: ${parts.map((p) => p.label).join(', ')}. The table has all numbers.`, (palette) => ({
		grid: {left: 8, right: 20, top: 12, bottom: 4, containLabel: true},
		tooltip: tooltip(palette, {
			trigger: 'axis',
			axisPointer: {type: 'shadow'},
			formatter: (points) => {
				const i = points[0].dataIndex;
				return tip(dayText(days[i]), [...parts.map((p) => [p.label, digits(p.values[i])]), ...more(i)]);
			},
		}),
		xAxis: {type: 'category', data: days.map(dayText), axisLabel: {color: palette.dim, hideOverlap: true}, axisLine: {lineStyle: {color: palette.dim}}},
		yAxis: valueAxis(palette, countText, null),
		series: parts.map((p, i) => ({
			type: 'bar',
			name: String(i),
			stack: 'all',
			barMinHeight: 3, // one late file of hundreds is seen
			barMaxWidth: 40,
			data: p.values.map((v) => v > 0n ? Number(v) : null),
			itemStyle: {color: palette.series[STACK[i]], borderColor: palette.paper, borderWidth: days.length > 60 ? 0 : 1},
			emphasis: {disabled: true},
		})),
	}));
	if (marks > 0) drawLegend(name, parts.map((p, i) => ({label: p.label, color: STACK[i], width: 8, dashes: 'none'})));
}
