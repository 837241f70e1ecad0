// Evaluates JSONata for asl_test.go. The argument is the directory of the npm package jsonata, the
// language's reference implementation. Each line of the input is {"expression", "bindings"}, and gets
// one line: {"value"}, {"error"}, or {} where the expression has no value.
'use strict';
const jsonata = require(process.argv[2]);
const lines = require('readline').createInterface({input: process.stdin});

async function answer(line) {
  const {expression, bindings} = JSON.parse(line);
  try {
    return {value: await jsonata(expression).evaluate(undefined, bindings)};
  } catch (error) {
    return {error: `${error.code}: ${error.message}`};
  }
}

(async () => {
  for await (const line of lines) {
    process.stdout.write(JSON.stringify(await answer(line)) + '\n');
  }
})();
