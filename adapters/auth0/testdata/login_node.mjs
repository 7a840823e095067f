// Runs a Login script in Node as Auth0 would, for the table of login_test.go.
//
//   node login_node.mjs login.js [module.cjs …] < cases > results
//
// The script may require a module by the name of its file, without .cjs, besides those of Node.
// Each line in is a case, {"id", "identifier", "password", "configuration", "withContext", "allowance"}; each line out the
// result of one, {"id", "kind", "message", "user_id", "profile", "calls"}. The kinds are those of the package scripthost.
// All cases run at once. An allowance, in milliseconds, is added to the script's timers and to Auth0's limit, for a
// machine that may be busy. A script is watched for a second callback for a while after the first.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const WATCH_MS = 100;
const LIMIT_MS = 20_000; // Auth0's own

class WrongUsernameOrPasswordError extends Error {
  constructor(userID, message) {
    super(message);
    this.user_id = userID;
  }
}
class UnauthorizedError extends Error {}
class ValidationError extends Error {}

const [script, ...modules] = process.argv.slice(2);
const source = readFileSync(script, 'utf8');
const requireOfNode = createRequire(import.meta.url);
const files = new Map(modules.map((file) => [basename(file, '.cjs'), resolve(file)]));
const require = (name) => requireOfNode(files.get(name) ?? name);
const scriptOf = new Function(
  'configuration', 'require', 'WrongUsernameOrPasswordError', 'UnauthorizedError', 'ValidationError', 'setTimeout', `${source}\nreturn login;`);

function kindOf(error, profile) {
  if (error instanceof WrongUsernameOrPasswordError) return 'refused';
  if (error instanceof UnauthorizedError) return 'unauthorized';
  if (error instanceof ValidationError) return 'invalid';
  if (error) return 'failed';
  return profile ? 'profile' : 'no_profile';
}

function run({ id, identifier, password, configuration, withContext, allowance }) {
  return new Promise((end) => {
    const result = { id, kind: 'never_called', message: '', user_id: '', calls: 0 };
    const limit = setTimeout(() => end(result), LIMIT_MS + allowance);
    const callback = (error, profile) => {
      result.calls += 1;
      if (result.calls > 1) return;
      clearTimeout(limit);
      result.kind = kindOf(error, profile);
      result.message = error ? error.message : '';
      result.user_id = (error ? error.user_id : profile?.user_id) ?? '';
      result.profile = error ? undefined : profile;
      setTimeout(() => end(result), WATCH_MS);
    };
    const login = scriptOf(
      Object.freeze(configuration), require, WrongUsernameOrPasswordError, UnauthorizedError, ValidationError,
      (fire, ms) => setTimeout(fire, ms + allowance));
    const context = withContext ? [{}] : [];
    login(identifier, password, ...context, callback);
  });
}

const results = [];
for await (const line of createInterface({ input: process.stdin })) results.push(run(JSON.parse(line)));
for (const result of await Promise.all(results)) console.log(JSON.stringify(result));
process.exit(0); // without waiting for sockets
