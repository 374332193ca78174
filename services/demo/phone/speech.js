// The browser's own voice and ear, both only if the person asks for them.

const VOICES = { en: "en-US", es: "es-US" };

export class Voice {
  possible = "speechSynthesis" in window;
  #on = false;

  get on() {
    return this.#on;
  }

  set on(on) {
    this.#on = on;
    if (!on) this.stop();
  }

  say(text, language) {
    if (!this.#on || !this.possible) return;
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.lang = VOICES[language] ?? language ?? VOICES.en;
    speechSynthesis.speak(utterance);
  }

  stop() {
    if (this.possible) speechSynthesis.cancel();
  }
}

/** Let `button` dictate into `heard(text)`, where the browser can recognise speech on the device itself. */
export function dictation(button, heard) {
  const Recognition = window.SpeechRecognition;
  // Other recognisers send the sound to their maker. What a caller says stays here, practice or not.
  if (!Recognition || !("processLocally" in Recognition.prototype)) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const recognition = new Recognition();
    recognition.processLocally = true;
    recognition.lang = "en-US";
    recognition.onresult = (event) => heard(event.results[0][0].transcript);
    recognition.onerror = () => (button.hidden = true); // No model on this device: typing remains.
    recognition.start();
  });
}
