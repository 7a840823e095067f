// Runs an Action in Node as Auth0 would, for the table of exchange_test.go.
//
//   node exchange_node.mjs exchange.js < cases > results
//
// Each line in is a case, {"id", "event", "allowance"}; each line out the result of one, {"id", "kind", "code", "message",
// "user_id", "connection", "attributes", "options", "calls"}. The kinds are those of the package scripthost. All cases run
// at once. An allowance, in milliseconds, is added to the Action's timers and to Auth0's limit, for a machine that may be
// busy.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const LIMIT_MS = 20_000; // Auth0's own

const action = new Function('exports', 'module', 'require', 'setTimeout', readFileSync(process.argv[2], 'utf8'));

// load evaluates the Action, with timers that wait so much longer.
function load(allowance) {
  const exported = {};
  action(exported, { exports: exported }, createRequire(import.meta.url), (fire, ms) => setTimeout(fire, ms + allowance));
  return exported;
}

function apiFor(result) {
  const first = (decided) => {
    result.calls += 1;
    if (result.calls === 1) Object.assign(result, decided);
  };
  return {
    access: {
      deny: (code, message) => first({ kind: 'denied', code, message }),
      rejectInvalidSubjectToken: (message) => first({ kind: 'token_rejected', message }),
    },
    authentication: {
      setUserById: (id) => first({ kind: 'user_set', user_id: id }),
      setUserByConnection: (connection, attributes, options) => first({ kind: 'user_set', connection, attributes, options }),
    },
  };
}

async function run({ id, event, allowance }) {
  const result = { id, kind: 'no_user', calls: 0 };
  const limit = new Promise((resolve) => setTimeout(resolve, LIMIT_MS + allowance, { ...result, kind: 'timed_out' }));
  const decided = load(allowance).onExecuteCustomTokenExchange(event, apiFor(result)).then(
    () => result,
    (error) => ({ ...result, kind: 'rejected', message: String(error) }),
  );
  return Promise.race([decided, limit]);
}

const results = [];
for await (const line of createInterface({ input: process.stdin })) results.push(run(JSON.parse(line)));
for (const result of await Promise.all(results)) console.log(JSON.stringify(result));
process.exit(0); // without waiting for sockets
