// Reads a JSON list of expressions and prints the list of their values in Node, each as a text.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const valueOf = (expression) => new Function('require', `return (async () => ${expression})()`)(require);

const expressions = JSON.parse(readFileSync(process.stdin.fd, 'utf8'));
const values = await Promise.all(expressions.map(valueOf));
console.log(JSON.stringify(values.map(String)));
