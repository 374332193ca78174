// What one agent has before them: a value, folded from the gateway's frames. No document, no socket, no clock.

/** A desk about which nothing was heard yet. `answering` is the reservation whose answer is on its way. */
export function emptyDesk() {
  return {
    session: null,
    seq: 0,
    name: "",
    pingS: 20,
    status: null,
    offer: null,
    call: null,
    answering: null,
    notice: null,
    tally: { answered: 0, talkedMs: 0 },
  };
}

const FOLDS = {
  welcome: (desk, frame) => ({ ...desk, session: frame.session, name: frame.name, pingS: frame.ping_s, answering: null }),

  snapshot: (desk, frame) => ({
    ...desk,
    seq: frame.seq,
    status: frame.status,
    offer: frame.offer ?? null,
    call: frame.call ?? null,
    answering: null,
  }),

  resumed: (desk, frame) => ({ ...desk, seq: Math.max(desk.seq, frame.seq) }),

  offer: (desk, frame) => ({ ...desk, offer: frame.offer, notice: null }),

  "offer.withdrawn": (desk, frame) => {
    if (desk.offer?.reservation_id !== frame.reservation_id) return { ...desk };
    return { ...desk, offer: null, answering: null, notice: WITHDRAWN[frame.reason] ?? "The offer was withdrawn." };
  },

  "call.updated": (desk, frame) => {
    const known = [desk.offer, desk.call].find((one) => one?.reservation_id === frame.reservation_id);
    const isOffer = known !== undefined && known === desk.offer;
    const rest = { ...desk, offer: isOffer ? null : desk.offer, answering: isOffer ? null : desk.answering };
    if (frame.state === "ended") {
      const mine = desk.call?.reservation_id === frame.reservation_id || isOffer;
      return { ...rest, call: mine && !isOffer ? null : rest.call, notice: mine ? ENDED[frame.reason] ?? null : desk.notice };
    }
    const { contact_id, item_id, reservation_id, state, since, deadline } = frame;
    const call = { ...(known ?? UNKNOWN), contact_id, item_id, reservation_id, state, since, deadline };
    return { ...rest, call, notice: null, tally: tallied(desk, frame) };
  },

  "status.changed": (desk, frame) => {
    if (desk.status && frame.status.version < desk.status.version) return { ...desk };
    return { ...desk, status: frame.status };
  },

  // The answer had no effect, so the buttons come back; what is true of the offer, the log says.
  error: (desk, frame) => ({ ...desk, answering: null, notice: REFUSED[frame.code] ?? "The last action was refused." }),
};

const WITHDRAWN = {
  accepted_elsewhere: "A colleague took that call.",
  rejected: "You passed on that call. It kept its place in the queue.",
  lapsed: "The time was up, so that call went back to its place in the queue.",
  rescinded: "That call went back to its place in the queue.",
  caller_hung_up: "The caller hung up before you could answer.",
};

const ENDED = {
  completed: null,
  caller_hung_up: "The caller hung up.",
  agent_leg_failed: "Your phone did not answer. The caller kept their place in the queue.",
  carrier_failed: "The carrier could not connect you. The caller kept their place in the queue.",
  connecting_expired: "Connecting took too long. The caller kept their place in the queue.",
  unreachable: "Your desktop was away too long, so the call went to a colleague.",
  needs_changed: "The caller now needs other skills and went to a colleague.",
};

const REFUSED = {
  not_yours: "That call is over, or went to a colleague.",
  unavailable: "That may not have arrived. Please try again.",
  overloaded: "Too many actions at once. Please wait a moment.",
  replaced: null, // The banner says it.
};

// A call whose offer this page never saw (it was loaded in between): the card shows what there is.
const UNKNOWN = { queue: "", intent: "", urgency: "routine", language: "", queued_at: null, why: "", screen_pop: {} };

function tallied(desk, frame) {
  if (desk.call?.state === frame.state) return desk.tally;
  const { answered, talkedMs } = desk.tally;
  if (frame.state === "connected") return { answered: answered + 1, talkedMs };
  if (frame.state === "wrapping" && desk.call?.state === "connected" && frame.since && desk.call.since) {
    return { answered, talkedMs: talkedMs + Math.max(0, Date.parse(frame.since) - Date.parse(desk.call.since)) };
  }
  return desk.tally;
}

/**
 * Return the desk after a frame; the same object if the frame says nothing new. A frame of an unknown type is ignored
 * (a newer gateway may send one), and so is one whose `seq` was seen before (a resume may repeat it).
 */
export function fold(desk, frame) {
  const folder = Object.hasOwn(FOLDS, frame?.type) ? FOLDS[frame.type] : null;
  if (!folder) return desk;
  const positioned = Number.isFinite(frame.seq);
  if (positioned && frame.type !== "snapshot" && frame.type !== "resumed" && frame.seq <= desk.seq) return desk;
  const next = folder(desk, frame);
  return positioned && frame.type !== "resumed" ? { ...next, seq: frame.seq } : next;
}
