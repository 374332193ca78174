"""How red flags sound in English: patterns over normalised words (see `utterance.normalise`).

In a pattern `A ... B` allows up to four words between, `<his>` is any possessive or article, and `A && B` means that
both parts are said somewhere in the utterance: first the background, which may be long ago (surgery, a pregnancy),
last what is wrong now.
"""

# ruff: noqa: E501 - a pattern is easier to read and to compare on one line

from collections.abc import Mapping
from typing import Final

_LIMB: Final = r"(?:arm|leg|foot|hand|limb)"
_FEVER: Final = r"(?:fevers?|feverish|temperature of (?:3[89]|4[0-2]|10[1-8])(?:\.\d)?|temp of (?:3[89]|4[0-2]|10[1-8])(?:\.\d)?|burning up)"
_PREGNANT: Final = r"(?:pregnant|pregnancy|weeks? along|trimester)"
_CRITICAL: Final = (
    r"(?:insulin|warfarin|coumadin|eliquis|xarelto|blood thinners?|anticoagulants?|keppra|dilantin|depakote|lamictal"
    r"|anticonvulsants?|tacrolimus|prograf|cyclosporine|anti ?rejection(?: \w+)?"
    r"|(?:seizure|epilepsy|transplant) (?:medicine|medication|meds|pills?|drugs?))"
)
_WANTS: Final = (
    r"(?:wants?|wanted|wanting|going|thinking|thoughts|plans?|planning|threatening|feels? like|feeling like)"
)
_NOT_BLOOD: Final = r"(?! (?:work|tests?|pressure|draw|sugar|thinners?|type|glucose|count|bank|drive|results?))"
_ANIMAL: Final = r"(?:dog|cat|bat|animal|tick|raccoon|snake|squirrel|monkey|fox|skunk|rat|horse)"
_CHEMICAL: Final = r"(?:chemicals?|bleach|acid|cleaner|lye|ammonia|paint thinner|gasoline|battery acid|detergent)"

EMERGENT_EN: Final[Mapping[str, tuple[str, ...]]] = {
    "chest_pain": (
        r"chest (?:pains?|pressure|tightness|discomfort|heaviness|aches?)",
        r"(?:pains?|pressure|tightness|heaviness|squeezing|burning|ache|discomfort|elephant|weight|stabbing) ... (?:in|on|across|over) (?:\w+ )?chest",
        r"chest (?:\w+ ){0,3}(?:hurts?|hurting|aches|aching|tight|tightening|heavy|pounding|killing|burns|burning|squeezing|crushing)",
        r"tight(?:ness)? (?:in )?(?:<his> )?chest",
        r"heart attack",
        r"pain ... down <his> left arm",
    ),
    "breathing": (
        r"(?:can not|could not|can hardly|can barely|not able to|unable to|hard to|hard for \w+ to|difficult to|struggling to|struggles to|fighting to) (?:\w+ )?(?:breathe?|get (?:any |enough )?air|catch <his> breath|get <his> breath)",
        r"(?:hardly|barely) (?:able to )?breath(?:e|ing)",
        r"(?:trouble|difficulty|problems?|hard time|struggling|labored|laboured|shallow) (?:with )?(?:<his> )?breathing",
        r"(?:trouble|difficulty|hard time) catching (?:<his> )?breath",
        r"short(?:ness)? of breath|can not get air|gasping|suffocating|choking|drown\w+|face down in|(?:inhaled|breathed in) (?:\w+ ){0,3}(?:smoke|fumes|gas)",
        r"(?:not|stopped|quit|stops) breathing|not think (?:he|she|it|they) (?:is|are) breathing",
        r"(?:lips|face|nails|skin) (?:\w+ ){0,3}(?:blue|purple|gray|grey)|blue (?:lips|face)|(?:turning|turned|going) blue",
    ),
    "stroke": (
        r"(?:mini )?stroke(?! of)",
        r"(?:face|mouth) (?:\w+ ){0,3}(?:droop\w*|numb|sagging|dropped|crooked|twisted)|drooping (?:\w+ )?face|smile (?:\w+ )?crooked",
        r"(?:can not|could not|not able to|unable to) (?:move|lift|raise|use) (?:\w+ ){0,2}(?:arm|leg|hand|side)",
        r"(?:arm|1 side|one side|left side|right side) (?:\w+ ){0,4}(?:weak|numb|paralyzed|paralysed|limp)",
        r"slurr\w+|(?:speech|words) (?:\w+ ){0,2}(?:garbled|jumbled|gibberish)|talking gibberish|not making (?:any )?sense",
        r"(?:he|she|mom|dad|mother|father|husband|wife|suddenly) can not (?:talk|speak)|can not get (?:\w+ )?words out",
        r"sudden(?:ly)? ... (?:confus\w+|vision loss|blind\w*|loss of (?:vision|sight)|can not see|not see|weakness|numbness)",
        r"(?:lost|losing|loss of) (?:(?:my|his|her|the|all) )?(?:vision|sight|eyesight)(?! of)|went blind|can not see (?:out of|from|anything)",
        r"worst headache|headache of <his> life|thunderclap headache|sudden (?:\w+ )?headache",
        r"(?:he|she|mom|dad|mother|father|husband|wife|grand\w+|son|daughter|sister|brother|uncle|aunt|neighbor) (?:is |seems |got |became |acting |looks |sounds ){1,2}(?:\w+ )?confused|confused ... (?:suddenly|all of a sudden|out of nowhere)",
        r"not know (?:where|who) (?:he|she) is",
    ),
    "unconscious": (
        r"unconscious|(?:pass|passed|passing|blacked|blacking) out|unresponsive|not (?:responding|responsive|waking up)(?! to (?:my|his|her|our))|no pulse|lifeless|(?:hardly|barely) (?:responding|responsive)|(?:he|she) is not moving|(?:will|does) not respond(?! to)",
        r"(?:will|does|would) not wake(?: up)?|(?:can not|could not|unable to) (?:wake (?:him|her|them|my \w+|the \w+)|be woken)",
        r"faint(?:ed|ing)|(?:going|about) to faint|collapsed",
    ),
    "seizure": (
        r"(?:a|another|first|the|his|her) (?:\w+ )?seizure|seizing|having (?:\w+ )?seizures?|(?:had|having) a fit|seizures? (?:\w+ )?(?:now|today|back to back|one after)|convuls\w+|shaking uncontrollably",
    ),
    "heavy_bleeding": (
        r"\w*(?:bleeding|bleed|blood) ... (?:heavily|badly|a lot|everywhere|so much|profusely|will not stop|not stopping|not stop|gushing|spurting|pouring|soaking)",
        r"(?:heavy|heavily|severe|uncontrolled|a lot of|lots of|massive|so much|bleeding) (?:\w+ )?(?:bleeding|bleed)",
        r"(?:a lot of|lots of|so much|too much) blood" + _NOT_BLOOD,
        r"(?:gushing|spurting|pouring|losing) (?:\w+ ){0,2}blood" + _NOT_BLOOD,
        r"never stops? \w*bleeding|(?:can not|will not|could not|not) (?:\w+ ){0,4}stop(?:ping)? (?:the |this |from )?\w*bleeding",
        r"(?:vomit\w*|throw\w* up|threw up|cough\w*|spitting|puk\w+) (?:\w+ ){0,3}blood(?! (?:pressure|thinners?|work|tests?))|vomit\w* ... coffee grounds",
        r"(?:black|tarry) (?:\w+ )?(?:stools?|poop) && (?:dizz\w+|light ?headed|faint\w*|weak)",
    ),
    "allergic_reaction": (
        r"anaphyla\w+|epi ?pen (?:did|is|was) not|(?:used|using|gave) (?:\w+ ){0,3}epi ?pen",
        r"(?:lips?|tongue|throat) (?:\w+ ){0,3}(?:swell\w*|swollen|closing|closed up|closing up)|(?:swollen|swelling) (?:\w+ ){0,2}(?:lips?|tongue|throat)",
        r"(?:allerg\w+|hives|reaction) && (?:swell\w*|swollen|throat|breath\w*|wheez\w*)",
        r"(?:stung|sting|bitten) && (?:face|eyes|mouth) (?:\w+ ){0,3}(?:swell\w*|swollen)|throat|breath\w*|wheez\w*",
    ),
    "suicide": (
        r"suicid\w+|kill(?:ing)? (?:my|him|her|them)sel\w+|(?:end|ending|take|taking) (?:my|his|her|their) (?:own )?life|end it all",
        r"(?:wants?|wanted|wanting|ready|going) to die|wish (?:i|he|she) (?:was|were) dead|better off dead|no reason to live",
        r"not want to (?:live|be alive|be here anymore|go on living|wake up anymore)",
        _WANTS + r" ... (?:hurt|harm|cut)(?:ting|ing)? (?:my|him|her|them)sel\w+|self harm\w*|cutting (?:my|him|her)self",
    ),
    "harm_to_others": (
        _WANTS + r" ... (?:kill|hurt|harm|shoot|stab)(?:ing|ting|bing)? (?:someone|somebody|him|her|them|people|others|my \w+)(?!sel)",
    ),
    "poisoning": (
        r"overdos\w+|(?<!food )poison\w*(?! (?:ivy|oak|sumac))|carbon monoxide",
        r"(?:took|taken|swallowed|drank|ate|ingested|gave) ... (?:too many|too much|whole bottle|bottle of|all (?:of )?(?:my|his|her|the) (?:\w+ )?(?:pills|medicine|meds))",
        r"(?:drank|drunk|swallowed|ate|eaten|ingested) ... (?:bleach|detergent|cleaner|antifreeze|battery|magnets?|chemicals?|rat poison|laundry pods?)",
    ),
    "head_injury": (
        r"(?:hit|banged|bumped|smashed|cracked|struck|injured|hurt) (?:\w+ ){0,2}head(?!ache)|head (?:injury|trauma|wound)|concussion|fractured skull",
        r"(?:broke|broken|injured) (?:\w+ ){0,2}(?:neck|spine|back)|(?:neck|spine|spinal|back) injury",
        r"(?:fell|fallen|fall|jumped) ... (?:stairs|roof|ladder|balcony|window)",
        r"(?:car|motorcycle|bike|road|traffic) (?:accident|crash|wreck)|(?:hit by|run over by) (?:a |the )?(?:car|truck) && (?:head|neck|back|spine|hurts?|pain)",
    ),
    "fall_blood_thinner": (
        r"blood thinners?|warfarin|coumadin|eliquis|xarelto|apixaban|rivaroxaban|plavix|clopidogrel|pradaxa|anticoagulants? && fell|fallen|falls|(?:a|bad|the) fall",
    ),
    "infant_fever": (
        r"new ?born|(?:[1-9]|1[0-2]) (?:weeks?|days?) old|(?:1|2|one) months? old|(?:baby|infant|daughter|son) (?:\w+ ){0,3}(?:[1-9]|1[0-2]) weeks && "
        + _FEVER
        + r"|100\.[4-9]|10[1-6](?:\.\d)?|hot to the touch",
    ),
    "pregnancy": (
        _PREGNANT + r" && bleeding|spotting|(?:severe|bad|terrible|horrible|strong|intense|awful) (?:\w+ ){0,2}(?:pains?|cramp\w*)|leaking (?:\w+ )?fluid|(?:pain|cramps) (?:\w+ ){0,2}(?:severe|bad|unbearable)",
        _PREGNANT + r" && (?:not|less|hardly|barely|stopped) (?:\w+ ){0,4}(?:mov\w+|kick\w*)",
        _PREGNANT + r" && headaches? && swell\w*|swollen|blurr\w+",
        r"waters? (?:\w+ )?(?:broke|broken|breaking)|baby ... not (?:\w+ ){0,2}(?:moving|kicking|moved|kicked)(?: in| inside|$)",
    ),
    "sudden_severe_pain": (
        r"(?:stomach|belly|abdomen|tummy|testic\w+) (?:is|are) in agony|agony (?:\w+ ){0,3}(?:stomach|belly|abdomen|tummy|testic\w+)",
        r"(?:sudden(?:ly)?|severe|excruciating|unbearable|worst|terrible|intense|extreme|horrible|agonizing) ... (?:stomach|belly|abdom\w+|tummy|testic\w+|scrot\w+)(?: \w+)?(?: pains?| hurts?)?",
        r"(?:stomach|belly|abdom\w+|tummy|testic\w+|scrot\w+) (?:\w+ ){0,3}(?:hurts?|pains?|killing|cramps?|ache) ... (?:so bad|really bad|suddenly|unbearable|severe\w*|out of nowhere|excruciating|double\w* over|10 out of 10)",
        r"pains? ... (?:stomach|belly|abdomen|tummy|testic\w+) ... (?:so bad|suddenly|unbearable|severe|out of nowhere|excruciating|10 out of 10)",
    ),
    "blood_sugar": (
        r"(?:sugar|glucose) (?:\w+ ){0,5}(?:[2-4]\d|5[0-3]|[0-2]\.\d)(?![.\d])(?! (?:percent|weeks?|days?|minutes?|hours?|years?|months?|units?|points?|times))",
        r"(?:sugar|glucose) (?:\w+ ){0,5}(?:4[0-9]\d|[5-9]\d\d|2[2-9](?:\.\d)?|3\d(?:\.\d)?|too high to read) && vomit\w*|throw\w* up|threw up|drows\w*|sleepy|letharg\w+|hard to wake",
    ),
    "sepsis": (
        _FEVER + r" && confus\w+|delirious|rigors?|shaking chills|shaking uncontrollably|mottled|blotchy|not making sense",
        _FEVER + r" && chemo\w*|neutropeni\w+",
    ),
    "cold_limb": (
        rf"{_LIMB} (?:is|has|feels?|went|gone|turned|looks?|turning|just)(?: \w+){{0,3}} (?:cold|pale|white|blue|numb|dead)",
        rf"(?:numb|ice cold|cold and \w+) (?:\w+ )?{_LIMB}|(?:can not|could not|not) feel (?:\w+ ){{0,2}}(?:{_LIMB}|feet|legs|fingers)|lost (?:all )?feeling in (?:\w+ )?(?:{_LIMB}|feet|legs)",
    ),
    "burn_or_shock": (
        r"electric(?:al)? shock|electrocut\w+|shocked (?:\w+ )?by|struck by lightning",
        r"(?:large|big|bad|severe|serious|huge|third degree|3rd degree|chemical) (?:\w+ )?burns?|burn(?:ed|t|s)? ... (?:whole|entire|all over|badly|face|most of)",
        _CHEMICAL + r" ... (?:in|into) (?:\w+ ){0,2}eyes?|eyes? ... (?:splashed|sprayed|burned) (?:\w+ ){0,2}" + _CHEMICAL,
    ),
    "violence": (
        r"(?:husband|boyfriend|partner|wife|girlfriend|he|she|ex|father|mother|someone|man) (?:\w+ ){0,3}(?:hit|hits|hitting|beat|beats|beating|attack\w*|strangl\w+|choked|threaten\w*|abus\w+|hurting) (?:me|us|her|him|my (?:kids?|mom|children|son|daughter|sister))",
        r"(?:been|was|were|got|is) (?:\w+ )?(?:stabbed|raped|assaulted|shot)(?! (?:record|in the arm))|gun ?shot|sexually assaulted|domestic violence|being abused",
        r"not (?:feel )?safe (?:at home|here|in my home)|(?:has|have|with|got) (?:a |his )?(?:gun|knife)|going to (?:kill|hurt) me",
    ),
    "emergency_said": (
        r"(?:an |medical )?emergency(?! (?:room|department|contacts?|visit|clinic|number|line|fund|doctor|physician|exit|medicine|card|bill|form|leave|preparedness|surgery|appendectomy))",
        r"(?:need|send|get|call|called|calling) (?:me |us |him |her )?(?:an |the )?ambulance|(?:call|called|calling|dial|dialed) 911",
        r"(?:i|he|she|husband|wife|mom|dad|mother|father|baby|son|daughter|someone) (?:am|is) dying|life or death",
    ),
}  # fmt: skip

URGENT_EN: Final[Mapping[str, tuple[str, ...]]] = {
    "high_fever": (
        r"(?:fever|temperature|temp) (?:\w+ ){0,5}(?:10[3-8](?:\.\d)?|39\.[5-9]|4[0-2](?:\.\d)?)(?! (?:hours?|minutes?|days?))",
        r"(?:10[3-8](?:\.\d)?|39\.[5-9]|4[0-2](?:\.\d)?) (?:degree )?(?:fever|temperature)",
        r"fever ... (?:(?:over|more than) 3 days|(?:[4-9]|1\d) days|a week|weeks)",
    ),
    "dehydration": (
        r"dehydrat\w+|(?:can not|could not|not) (?:\w+ )?(?:keep|hold|keeping|holding) ... down|throwing everything up",
        r"not (?:peed|urinated|had a wet diaper) ... (?:hours|day|today|yesterday|morning)",
    ),
    "urinary": (
        r"(?:burn\w*|pain\w*|hurts?) (?:\w+ ){0,4}(?:pee|peeing|urinat\w+|urine)|(?:blood|bloody) (?:\w+ ){0,3}(?:urine|pee)|uti|urinary infection && "
        + _FEVER
        + r"|chills|flank|(?:back|side) (?:\w+ )?(?:pain|hurts?)",
    ),
    "wound": (
        r"(?:wound(?! care)|incision|stitches|sutures|staples|cut) (?:\w+ ){0,5}(?:opened|opening|came open|popped open|open again|came apart|split|spreading|smells?|smelly|pus|infected|oozing)",
        r"red(?:ness)? (?:\w+ ){0,3}spread\w*|red streaks?",
    ),
    "calf_swelling": (
        r"(?:calf|calves|lower leg|left leg|right leg|1 leg) (?:\w+ ){0,5}(?:swell\w*|swollen)|(?:swell\w*|swollen) (?:\w+ ){0,3}(?:calf|lower leg|left leg|right leg|1 leg)",
    ),
    "asthma": (
        r"asthma attack",
        r"asthma|inhaler|albuterol|nebulizer && every (?:1|2|3|hour|couple|few)(?: \w+)?(?: hours?)?|more than every 4|not (?:helping|working|doing)|every hour",
    ),
    "severe_pain": (
        r"(?:severe|excruciating|unbearable|agonizing|worst) (?:\w+ ){0,2}pain|10 out of 10|pain ... (?:unbearable|excruciating|so bad|not helping)",
        r"(?:pain (?:medicine|meds|medication|pills?|killers?)|painkillers?) ... not (?:help\w*|work\w*|touch\w*|doing)",
    ),
    "rash_new_medicine": (
        r"rash|hives && (?:new|started|after|since|from|taking|on) (?:\w+ ){0,4}(?:medicine|medication|antibiotics?|amoxicillin|penicillin|pills?|drug|bactrim|meds)",
    ),
    "missed_critical_dose": (
        r"(?:miss\w*|forgot\w*|skipp\w*|not (?:taken|taking|take|had|have)) (?:\w+ ){0,6}" + _CRITICAL,
        r"(?:out of|no more|without|have no) (?:\w+ ){0,3}" + _CRITICAL,
    ),
    "withdrawal": (
        r"withdrawals?(?! (?:form|slip|from (?:my|the) (?:account|bank|study)))|delirium tremens",
        r"(?:stopped|quit) (?:drinking|alcohol|opioids?|oxy\w*|xanax|heroin|methadone) && shak\w+|sweat\w+|tremors?|hallucinat\w+|vomit\w*",
    ),
    "post_operative": (
        r"surgery|operation|operated|post op|c section|cesarean|my procedure|the procedure && "
        + _FEVER
        + r"|drainage|draining|pus|discharge(?! (?:papers|summary|instructions|date|from))|oozing|leaking|sudden (?:\w+ )?pain|pain ... (?:worse|suddenly)",
    ),
    "eye": (
        r"eye pain|(?:pains?|hurts?) (?:\w+ ){0,2}(?:in|behind) (?:\w+ ){0,2}eyes?|eyes? (?:\w+ ){0,3}(?:hurts?|painful|hurting|aching)|floaters|flashes of light|flashing lights",
    ),
    "child_listless": (
        r"baby|child|son|daughter|toddler|kid|infant|(?:year|month|week) old|grandson|granddaughter && listless|letharg\w+|limp|floppy|will not (?:drink|eat or drink|nurse|feed|take (?:\w+ ){0,2}(?:bottle|fluids|milk))|refus\w+ (?:\w+ ){0,3}(?:drink|fluids?|bottle|feed|milk|water)|not (?:\w+ )?(?:drinking|feeding|nursing)",
    ),
    "exposure": (
        rf"(?:bit|bitten|bite|scratched) ... {_ANIMAL}|{_ANIMAL} (?:\w+ )?(?:bit|bites?|scratched)|tick ... (?:on|in|attached)",
        r"needle ?stick|(?:stuck|poked) ... needle|exposed to (?:rabies|hiv|hepatitis)",
    ),
}  # fmt: skip
