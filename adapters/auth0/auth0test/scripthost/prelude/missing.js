// Everything of Node that neither the engine nor the files before have. Using it, or asking for its type, is refused.
(function (host) {
  const lists = [
    [globalThis, '', `
      AbortController AbortSignal Atomics Blob BroadcastChannel Buffer ByteLengthQueuingStrategy CloseEvent
      CompressionStream CountQueuingStrategy Crypto CryptoKey CustomEvent DOMException DecompressionStream Event
      EventSource EventTarget File FinalizationRegistry FormData Headers Intl Iterator MessageChannel MessageEvent
      MessagePort Navigator Performance PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver
      PerformanceObserverEntryList PerformanceResourceTiming ReadableByteStreamController ReadableStream
      ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader
      Request Response SharedArrayBuffer Storage SubtleCrypto TextDecoder TextDecoderStream TextEncoder
      TextEncoderStream TransformStream TransformStreamDefaultController URL URLSearchParams WeakRef WebAssembly
      WebSocket WritableStream WritableStreamDefaultController WritableStreamDefaultWriter __dirname __filename atob
      btoa clearImmediate clearInterval clearTimeout console crypto exports fetch global localStorage module navigator
      performance process queueMicrotask require sessionStorage setImmediate setInterval setTimeout structuredClone`],
    [Object.prototype, 'Object.prototype.', '__defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__'],
    [Object, 'Object.', 'groupBy'],
    [Map, 'Map.', 'groupBy'],
    [Array, 'Array.', 'fromAsync'],
    [ArrayBuffer.prototype, 'ArrayBuffer.prototype.', `
      detached maxByteLength resizable resize transfer transferToFixedLength`],
    [String.prototype, 'String.prototype.', `
      anchor big blink bold fixed fontcolor fontsize isWellFormed italics link small strike sub sup toWellFormed`],
    [Symbol, 'Symbol.', 'asyncDispose asyncIterator dispose'],
    [Promise, 'Promise.', 'try withResolvers'],
    [Date.prototype, 'Date.prototype.', 'getYear setYear toGMTString'],
    [RegExp, 'RegExp.', "$& $' $+ $1 $2 $3 $4 $5 $6 $7 $8 $9 $_ $` input lastMatch lastParen leftContext rightContext"],
    [RegExp.prototype, 'RegExp.prototype.', 'hasIndices unicodeSets'],
    [Error, 'Error.', 'captureStackTrace prepareStackTrace stackTraceLimit'],
  ];
  const refuse = (object, path, name) =>
    Object.defineProperty(object, name, { get: () => host.refuse(path + name), configurable: true });
  for (const [object, path, names] of lists) {
    for (const name of names.trim().split(/\s+/)) {
      if (!Object.hasOwn(object, name)) refuse(object, path, name);
    }
  }

  // What the engine does differently from Node: it ignores locale and time zone, and Uint8Array.from treats a text as a
  // plain object.
  for (const name of ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString']) refuse(Date.prototype, 'Date.prototype.', name);
  refuse(Number.prototype, 'Number.prototype.', 'toLocaleString');
  refuse(Object.getPrototypeOf(Uint8Array), 'Uint8Array.', 'from');
});
