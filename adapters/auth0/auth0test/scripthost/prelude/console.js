// console: every call becomes one line of the host's log.
(function (host, hooks) {
  // inspect prints a value roughly as Node's util.inspect does. Nobody may rely on the exact form.
  const inspect = (value, depth = 2, seen = []) => {
    switch (typeof value) {
      case 'string':
        return seen.length ? `'${value}'` : value;
      case 'bigint':
        return `${value}n`;
      case 'function':
        return `[Function: ${value.name || '(anonymous)'}]`;
      case 'object':
        return value === null ? 'null' : inspectObject(value, depth, seen);
    }
    return String(value);
  };
  const inspectObject = (value, depth, seen) => {
    if (seen.includes(value)) return '[Circular]';
    if (value instanceof Error) return value.stack ? String(value.stack) : `${value.name}: ${value.message}`;
    if (value instanceof Date || value instanceof RegExp) return String(value);
    if (seen.length > depth) return Array.isArray(value) ? '[Array]' : '[Object]';
    const inner = (item) => inspect(item, depth, [...seen, value]);
    if (Array.isArray(value)) return `[ ${value.slice(0, 100).map(inner).join(', ')} ]`;
    if (value instanceof Map) return `Map(${value.size}) { ${[...value].map(([k, v]) => `${inner(k)} => ${inner(v)}`).join(', ')} }`;
    if (value instanceof Set) return `Set(${value.size}) { ${[...value].map(inner).join(', ')} }`;
    const name = value.constructor && value.constructor.name !== 'Object' ? `${value.constructor.name} ` : '';
    const fields = Object.keys(value).slice(0, 100).map((key) => `${key}: ${inner(value[key])}`);
    return fields.length ? `${name}{ ${fields.join(', ')} }` : `${name}{}`;
  };

  const formats = {
    s: (value) => (typeof value === 'object' ? inspect(value, 0) : String(value)),
    d: (value) => String(typeof value === 'object' ? NaN : Number(value)),
    i: (value) => String(parseInt(value, 10)),
    f: (value) => String(parseFloat(value)),
    j: (value) => JSON.stringify(value),
    o: (value) => inspect(value, 4),
    O: (value) => inspect(value, 4),
    c: () => '',
  };
  const format = (...args) => {
    let rest = args;
    let line = '';
    if (typeof args[0] === 'string') {
      rest = args.slice(1);
      line = args[0].replace(/%([sdifjoOc%])/g, (mark, letter) => {
        if (letter === '%') return '%';
        return rest.length ? formats[letter](rest.shift()) : mark;
      });
      if (!rest.length) return line;
      line += ' ';
    }
    return line + rest.map((value) => inspect(value)).join(' ');
  };

  const counts = new Map();
  const started = new Map();
  const log = (level) => (...args) => host.log(`${level}: ${format(...args)}`);
  const console = {
    log: log('log'), info: log('info'), debug: log('debug'), warn: log('warn'), error: log('error'), trace: log('trace'),
    dir: (value) => host.log(`log: ${inspect(value)}`),
    table: (value) => host.log(`log: ${inspect(value)}`),
    assert: (condition, ...args) => condition || host.log(`error: Assertion failed ${format(...args)}`),
    group: log('log'), groupCollapsed: log('log'), groupEnd: () => {},
    count: (label = 'default') => {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      host.log(`log: ${label}: ${counts.get(label)}`);
    },
    countReset: (label = 'default') => counts.delete(label),
    time: (label = 'default') => started.set(label, host.now()),
    timeLog: (label = 'default') => host.log(`log: ${label}: ${host.now() - started.get(label)}ms`),
    timeEnd: (label = 'default') => {
      console.timeLog(label);
      started.delete(label);
    },
  };
  Object.defineProperty(globalThis, 'console', { value: console, writable: true, configurable: true });
  Object.assign(hooks, { inspect, format });
});
