// What a change of the desk is to someone who hears the page instead of seeing it.

import { intentWords, languageName, words } from "/assets/words.js";

const CALL = {
  connecting: "Accepted. Your phone is ringing.",
  connected: "You are connected with the caller.",
  wrapping: "The call is over. Wrap-up has begun.",
};

/** Sentences to announce, each with whether it interrupts. */
export function news(before, after) {
  const told = [];
  const offered = after.offer;
  if (offered && (before.offer?.reservation_id !== offered.reservation_id || before.offer.urgency !== offered.urgency)) {
    const language = offered.language && offered.language !== "en" ? ` in ${languageName(offered.language)}` : "";
    told.push([
      `Call offered: ${offered.urgency}, ${intentWords(offered.intent)}${language}, queue ${words(offered.queue)}. ` +
        "Press Enter or A to accept, R to reject.",
      true,
    ]);
  }
  if (after.call && after.call.state !== before.call?.state) told.push([CALL[after.call.state] ?? "", false]);
  if (after.notice && after.notice !== before.notice) told.push([after.notice, false]);
  else if (before.call && !after.call && !offered) told.push(["Wrap-up is done.", false]);
  const [was, is] = [before.status, after.status];
  if (was && is && (was.status !== is.status || was.next_status !== is.next_status)) {
    const next = is.next_status && is.next_status !== is.status ? `, then ${words(is.next_status)}` : "";
    told.push([`Your status is ${words(is.status)}${next}.`, false]);
  }
  return told.filter(([text]) => text);
}
