// Words and numbers as people read them.

import { capitalised } from "./dom.js";

const INTENTS = {
  "triage.symptom": "Symptoms to talk through",
  "medication.question": "Question about a medicine",
  "refill.request": "Prescription refill",
  "refill.status": "Where is the refill?",
  "appointment.book": "Book an appointment",
  "appointment.change": "Change an appointment",
  "appointment.cancel": "Cancel an appointment",
  "appointment.check": "Check an appointment",
  "results.request": "Test results",
  "billing.pay": "Pay a bill",
  "billing.question": "Billing question",
  "billing.plan": "Payment plan",
  "billing.dispute": "Dispute a bill",
  "insurance.verify": "Insurance coverage",
  "insurance.prior_auth": "Prior authorization",
  "referral.request": "Referral",
  "records.request": "Medical records or forms",
  "provider.message": "Message for a clinician",
  "facility.info": "Hours, address, directions",
  complaint: "Complaint",
  "agent.request": "Asked for a person",
  out_of_scope: "Something else",
  not_understood: "Not understood yet",
};

const languages = new Intl.DisplayNames(["en"], { type: "language" });

/** An identifier such as `nurse_triage` as words: "Nurse triage". */
export function words(identifier) {
  return capitalised(String(identifier ?? "").replaceAll(/[._-]+/g, " ").trim());
}

export function intentWords(intent) {
  return INTENTS[intent] ?? words(intent);
}

/** A skill, such as `refills` or `lang-es`, in words. */
export function skillWords(skill) {
  const language = /^lang-([a-z]{2,3})$/.exec(skill ?? "");
  return language ? languageName(language[1]) : words(skill).toLowerCase();
}

/** A language code as its English name; the code itself where there is none. */
export function languageName(code) {
  try {
    return languages.of(code) ?? code;
  } catch {
    return code; // Not a well-formed code: shown as it came.
  }
}

/** Seconds as `4:07` or `1:04:07`; below zero counts as zero. */
export function clockTime(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** Seconds as they are spoken: "2 minutes 5 seconds". */
export function spokenTime(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  const some = (number, unit) => (number ? `${number} ${unit}${number === 1 ? "" : "s"}` : "");
  return [some(minutes, "minute"), some(rest, "second")].filter(Boolean).join(" ") || "0 seconds";
}
