// Checks JSON files against one of the published schemas. A schema accepts fields that it does not know, so that readers
// survive new ones; here they are faults: everything that the program writes must be in the schema.
// Usage: node scripts/checks/schemas.mjs SCHEMA FILE...   Exit code 1 and one line for each fault.
import { readFileSync } from 'node:fs';

import Ajv from 'ajv';

function strict(schema) {
  if (Array.isArray(schema)) return schema.map(strict);
  if (schema === null || typeof schema !== 'object') return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]));
  if (copy.type === 'object' && copy.properties && !('additionalProperties' in copy)) copy.additionalProperties = false;
  return copy;
}

const [schemaFile, ...files] = process.argv.slice(2);
const published = JSON.parse(readFileSync(schemaFile, 'utf8'));
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(strict(published));
let failed = files.length === 0;
for (const file of files) {
  if (validate(JSON.parse(readFileSync(file, 'utf8')))) {
    console.log(`${file}: valid for ${schemaFile}`);
    continue;
  }
  validate.errors.forEach((e) => console.error(`${file}${e.instancePath}: ${e.message} ${JSON.stringify(e.params)}`));
  failed = true;
}
process.exit(failed ? 1 : 0);
