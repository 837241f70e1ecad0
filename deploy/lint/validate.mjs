// Prints what AWS's validator finds in CloudFormation templates (*.yaml) and asl-validator in Step
// Functions definitions (*.json), as a JSON list of {file, line, rule, message}. Rules are named by
// their weight: F and E for errors, W for warnings, I for hints; those of asl-validator are all errors.
// It exits with 0 whatever they find. Neither asks the network.
//
// usage: node validate.mjs FILE...
import { readFileSync } from 'node:fs';
import { CelEngine, TemplateFile } from '@aws/cloudformation-validate';
import validateASL from 'asl-validator';

// The validator tries both sides of every condition, but with the default of each parameter, and so
// finds fault with an empty ARN just where a condition says that it is not empty. Parameters that are
// empty by default have a value here.
const parameterOverrides = JSON.parse(readFileSync(new URL('parameters.json', import.meta.url)));

let engine; // takes two seconds to build

function template(file) {
  engine ??= new CelEngine();
  const report = engine.validateStandard(new TemplateFile(file), { parameterOverrides });
  const findings = report.diagnostics.map((d) => ({ file, line: d.startLine ?? 0, rule: d.ruleId, message: d.message }));
  if (report.status !== 'OK') {
    findings.push({ file, line: 0, rule: 'E', message: `status ${report.status}` });
  }
  return findings;
}

function stateMachine(file) {
  let definition;
  try {
    // What the template puts into an ARN in place of ${name} is no ARN before.
    definition = JSON.parse(readFileSync(file, 'utf8').replace(/"arn:\$\{[^}]+\}:/g, '"arn:aws:'));
  } catch (err) {
    return [{ file, line: 0, rule: 'E', message: err.message }];
  }
  return validateASL(definition).errors.map((e) => ({ file, line: 0, rule: `E_${e['Error code']}`, message: e.Message }));
}

const findings = process.argv.slice(2).flatMap((file) => (file.endsWith('.json') ? stateMachine(file) : template(file)));
console.log(JSON.stringify(findings, null, 1));
