// Numbers and times as texts. Nothing here depends on the reader's language or time zone.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];

// digits gives a whole number with separators: 1,234,567.
function digits(n) {
	return BigInt(n).toLocaleString('en-US');
}

// counted gives a number of things: 1 record, 2 records.
function counted(n, thing, things = `${thing}s`) {
	return `${digits(n)} ${BigInt(n) === 1n ? thing : things}`;
}

// significant gives a number below 1000 with three digits, or fewer where the rest are zeros.
function significant(x) {
	return String(Number(x.toPrecision(3)));
}

// scaled gives a number divided by the largest power of 1000 that leaves at least 1, with the power.
function scaled(n) {
	let x = Number(n), power = 0;
	while (Math.abs(x) >= 999.5 && power < UNITS.length - 1) {
		x /= 1000;
		power++;
	}
	return [significant(x), power];
}

// bytesText gives bytes with their unit: 1.23 MB, which is 1.23 million of them.
function bytesText(n) {
	const [x, power] = scaled(n);
	return `${x} ${UNITS[power]}`;
}

// countText gives a number shortened: 1.23 M.
function countText(n) {
	const [x, power] = scaled(n);
	return power === 0 ? x : `${x} ${['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'][power]}`;
}

// instantText gives an instant of milliseconds: 2026-01-09 13:05:00 UTC.
function instantText(ms) {
	return ms === null ? 'unknown' : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

// stepText gives the start of a step as far as its unit tells: 2026-01-09 13:00, 2026-01-09, 2026-01.
function stepText(ms) {
	const iso = new Date(ms).toISOString().replace('T', ' ');
	return iso.slice(0, {hour: 16, day: 10, month: 7, year: 4}[data.unit]);
}

// dayText gives a day by its start in seconds: 2026-01-09.
function dayText(seconds) {
	return seconds === null ? 'no day' : new Date(seconds * 1000).toISOString().slice(0, 10);
}

// durationText gives seconds as their two largest units: 3 h 25 min.
function durationText(seconds) {
	const n = Math.abs(Number(seconds)), parts = [];
	const units = [[86400, n >= 2 * 86400 ? 'days' : 'day'], [3600, 'h'], [60, 'min'], [1, 's']];
	const first = Math.max(0, units.findIndex(([size]) => n >= size));
	for (const [i, [size, name]] of units.entries()) {
		const count = Math.floor(i === 0 ? n / size : n % units[i - 1][0] / size);
		if (count > 0 && (i === first || i === first + 1)) parts.push(`${count} ${name}`);
	}
	return parts.length === 0 ? '0 s' : (seconds < 0 ? '-' : '') + parts.join(' ');
}

// percentText gives a part of a whole: 12.3 %. It is 100.0 % or 0.0 % only where that is exact.
function percentText(part, of) {
	if (of === 0n) return '';
	const thousandths = part * 1000n / of;
	if (part !== 0n && thousandths === 0n) return '< 0.1 %';
	if (part !== of && thousandths >= 1000n) return '> 99.9 %';
	return `${thousandths / 10n}.${thousandths % 10n} %`;
}
