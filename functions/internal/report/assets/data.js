// The data and the filter. Sums are BigInt: they are exact whatever their size.

const data = JSON.parse(document.getElementById('data').textContent);

// OTHERS and NONE are the labels of what is not told apart and of NULL.
const OTHERS = 'others';
const NONE = '(none)';

// A step's index is its place in data.steps; records without a time, and those far from all others in
// time, have the one behind the last.
const ASIDE = data.steps.length;

// labelOf gives the label of a member of a list, the one behind the last being all others.
function labelOf(list, index) {
	return index === list.length ? OTHERS : list[index] ?? NONE;
}

// unpack reads series: a head of indexes, then a step's distance and its numbers again and again.
function unpack(packed, head, numbers) {
	return packed.map((row) => {
		const s = {head: row.slice(0, head), steps: [], values: []};
		let step = 0;
		for (let i = head; i < row.length; i += numbers + 1) {
			step += row[i];
			s.steps.push(step);
			for (let n = 1; n <= numbers; n++) s.values.push(BigInt(row[i + n]));
		}
		return s;
	});
}

const base = unpack(data.base, 2, 3);
const cubes = Object.fromEntries(Object.entries(data.cubes).map(([name, c]) => [name, {members: c.members, series: unpack(c.series, 3, 1)}]));

// filter is what is shown: the first and the last step, and the indexes of an accelerator and of a
// direction, null for all.
const filter = {from: 0, to: Math.max(0, data.steps.length - 1), accelerator: null, direction: null};

// whole says whether the filter has the whole range.
function whole() {
	return filter.from === 0 && filter.to >= data.steps.length - 1;
}

// shows says whether a step is shown; what is aside is shown with the whole range.
function shows(step) {
	return step === ASIDE ? whole() : step >= filter.from && step <= filter.to;
}

function matches(accelerator, direction) {
	return (filter.accelerator === null || filter.accelerator === accelerator) && (filter.direction === null || filter.direction === direction);
}

// totals gives the rows, bytes and packets that are shown.
function totals() {
	const t = [0n, 0n, 0n];
	for (const s of base) {
		if (!matches(...s.head)) continue;
		s.steps.forEach((step, i) => {
			if (shows(step)) for (let n = 0; n < 3; n++) t[n] += s.values[3 * i + n];
		});
	}
	return {rows: t[0], bytes: t[1], packets: t[2]};
}

// byMember gives the sums of a cube's members that are shown, others at the end.
function byMember(cube) {
	const sums = new Array(cube.members.length + 1).fill(0n);
	for (const s of cube.series) {
		const [member, accelerator, direction] = s.head;
		if (!matches(accelerator, direction)) continue;
		s.steps.forEach((step, i) => {
			if (shows(step)) sums[member] += s.values[i];
		});
	}
	return sums;
}

// timeline gives, for each member, the sums of the steps that are shown, by step from filter.from on.
// of gives a series' member and the number of its step i. What is aside is not in it.
function timeline(series, members, of) {
	const lines = Array.from({length: members}, () => new Array(Math.min(filter.to, data.steps.length - 1) - filter.from + 1).fill(0n));
	for (const s of series) {
		const [accelerator, direction] = s.head.slice(-2);
		if (!matches(accelerator, direction)) continue;
		s.steps.forEach((step, i) => {
			if (step === ASIDE || !shows(step)) return;
			const [member, value] = of(s, i);
			lines[member][step - filter.from] += value;
		});
	}
	return lines;
}

// nextStep gives the instant, in milliseconds, at which the step that starts at an instant ends.
function nextStep(ms) {
	const d = new Date(ms);
	switch (data.unit) {
	case 'hour': return ms + 3600e3;
	case 'day': return ms + 86400e3;
	case 'month': return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 1);
	}
	return Date.UTC(d.getUTCFullYear() + 1, 0, 1);
}

// stepStart gives the instant, in milliseconds, at which a step starts.
function stepStart(step) {
	return data.steps[step] * 1000;
}

// range gives the instants, in milliseconds, between which the filter shows, or null where nothing
// has a time.
function range() {
	if (data.steps.length === 0) return null;
	return {from: stepStart(filter.from), to: nextStep(stepStart(filter.to))};
}

// showsDay says whether a day, by its start in seconds or null, has a part in what is shown.
function showsDay(start) {
	const r = range();
	if (start === null || r === null) return whole();
	return whole() || start * 1000 < r.to && (start + 86400) * 1000 > r.from;
}
