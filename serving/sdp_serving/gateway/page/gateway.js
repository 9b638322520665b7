// What the page asks of the gateway.

import { events } from "./events.js";
import { askForKey, forgetKey, key } from "./key.js";

/** A request that the gateway refused, or that did not reach it; its message is a sentence for the user. */
export class Refusal extends Error {}

const UNREACHABLE = "The gateway does not answer. Is it running, and are you connected? The page goes on trying.";
const CUT = "The connection ended before the picture was there: draw it again.";

/** Which models serve, and what is under way. */
export async function state() {
  const answer = await asked("api/state");
  try {
    return await answer.json();
  } catch {
    // It was cut off, or came from something on the way.
    throw new Refusal(UNREACHABLE);
  }
}

/**
 * Draws; gives events as the images API streams them.
 *
 * @param {object} request of POST /v1/images/generations.
 * @param {AbortSignal} signal ends the request.
 * @yields {object} partial images and completed ones.
 */
export async function* draw(request, signal) {
  const answer = await asked("v1/images/generations", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...request, stream: true }),
    signal,
  });
  try {
    for await (const { type, data } of events(answer.body)) {
      if (type === "error") throw new Refusal(data.error.message);
      yield { ...data, type };
    }
  } catch (failure) {
    throw failure instanceof Refusal || signal.aborted ? failure : new Refusal(CUT);
  }
}

async function asked(path, options = {}) {
  for (;;) {
    const sent = key();
    const headers = { ...options.headers, ...(sent && { Authorization: `Bearer ${sent}` }) };
    let answer;
    try {
      answer = await fetch(path, { cache: "no-store", ...options, headers });
    } catch (failure) {
      throw options.signal?.aborted ? failure : new Refusal(UNREACHABLE);
    }
    if (answer.ok) return answer;
    const sentence = await reason(answer);
    if (answer.status !== 401) throw new Refusal(sentence);
    forgetKey(sent);
    await askForKey(sent ? sentence : "Whoever runs the pipeline can give you one.");
  }
}

async function reason(answer) {
  try {
    const { error } = await answer.json();
    return error.message ?? error;
  } catch {
    return `The gateway answered with ${answer.status} ${answer.statusText}.`;
  }
}
