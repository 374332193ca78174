// The parts of the first page that only a demo has.

import { demoInfo } from "./api.js";

const info = await demoInfo().catch(() => null);
document.getElementById("door-phone").hidden = info === null;
document.getElementById("try").hidden = info === null;
