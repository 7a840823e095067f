// Runs a Login script in Node as Auth0 would, for the table of login_test.go.
//
//   node login_node.mjs login.js < cases > results
//
// Each line in is a case, {"id", "identifier", "password", "configuration", "withContext", "allowance"}; each line out the
// result of one, {"id", "kind", "message", "user_id", "profile", "calls"}. The kinds are those of the package scripthost.
// All cases run at once. An allowance, in milliseconds, is added to the script's timers and to Auth0's limit, for a
// machine that may be busy. A script is watched for a second callback for a while after the first.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
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

const source = readFileSync(process.argv[2], 'utf8');
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
  return new Promise((resolve) => {
    const result = { id, kind: 'never_called', message: '', user_id: '', calls: 0 };
    const limit = setTimeout(() => resolve(result), LIMIT_MS + allowance);
    const callback = (error, profile) => {
      result.calls += 1;
      if (result.calls > 1) return;
      clearTimeout(limit);
      result.kind = kindOf(error, profile);
      result.message = error ? error.message : '';
      result.user_id = (error ? error.user_id : profile?.user_id) ?? '';
      result.profile = error ? undefined : profile;
      setTimeout(() => resolve(result), WATCH_MS);
    };
    const login = scriptOf(
      Object.freeze(configuration), createRequire(import.meta.url), WrongUsernameOrPasswordError, UnauthorizedError, ValidationError,
      (fire, ms) => setTimeout(fire, ms + allowance));
    const context = withContext ? [{}] : [];
    login(identifier, password, ...context, callback);
  });
}

const results = [];
for await (const line of createInterface({ input: process.stdin })) results.push(run(JSON.parse(line)));
for (const result of await Promise.all(results)) console.log(JSON.stringify(result));
process.exit(0); // without waiting for sockets
