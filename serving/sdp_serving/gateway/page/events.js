// Server-sent events out of the body of an answer. (EventSource cannot POST, and sends no key.)

/**
 * The events of a stream, as they come.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @yields {{type: string, data: object}} the name of each event and its JSON.
 */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      yield* blocks.map(event).filter((found) => found !== null);
    }
  } finally {
    // Whoever reads no further ends the request, and with it the drawing.
    reader.cancel().catch(() => {});
  }
}

function event(block) {
  const fields = block.split(/\r?\n/).filter((line) => line && !line.startsWith(":"));
  const values = (name) =>
    fields.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ""));
  const data = values("data").join("\n");
  return data ? { type: values("event").at(-1) ?? "message", data: JSON.parse(data) } : null;
}
