// The tables behind the pictures. What comes from the lake becomes text and nothing else.

// element gives an element with a text.
function element(name, text, className) {
	const e = document.createElement(name);
	if (text !== undefined) e.textContent = text;
	if (className) e.className = className;
	return e;
}

// cell gives a table's cell: of a text, of a BigInt with all its digits, or of a BigInt with a text of its
// own, as {value, text}.
function cell(content, heading) {
	const {value, text} = typeof content === 'object' ? content : {value: content};
	const number = typeof value === 'bigint';
	const e = element(heading ? 'th' : 'td', text ?? (number ? digits(value) : value));
	if (heading) e.scope = 'row';
	if (number) e.dataset.value = String(value);
	return e;
}

// row gives a table's row, whose first cell heads it.
function row(values) {
	const tr = document.createElement('tr');
	tr.append(...values.map((v, i) => cell(v, i === 0)));
	return tr;
}

// fillTable fills the table of a chart: column names, rows, and the row of totals if there is one.
function fillTable(name, columns, rows, total) {
	const table = document.querySelector(`[data-table="${name}"]`);
	const head = document.createElement('tr');
	head.append(...columns.map((c) => {
		const th = element('th', c);
		th.scope = 'col';
		return th;
	}));
	const thead = document.createElement('thead'), tbody = document.createElement('tbody');
	thead.append(head);
	tbody.append(...rows.map(row));
	const parts = [thead, tbody];
	if (total) {
		const tfoot = document.createElement('tfoot');
		tfoot.append(row(total));
		parts.push(tfoot);
	}
	table.replaceChildren(table.caption, ...parts);
}
