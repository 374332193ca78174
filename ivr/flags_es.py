"""How red flags sound in Spanish, written without accents; see `flags_en` for the notation."""

# ruff: noqa: E501 - a pattern is easier to read and to compare on one line

from collections.abc import Mapping
from typing import Final

_FEVER: Final = r"(?:fiebre|calentura|temperatura (?:\w+ ){0,2}(?:3[89]|4[0-2]|10[1-8])(?:\.\d)?)"
_PREGNANT: Final = r"(?:embarazad\w+|embarazo)"
_STRONG: Final = (
    r"(?:fuerte|fuertes|fuertisimo|intenso|insoportable|horrible|terrible|agudo|repentino|subito|muchisimo)"
)
_BELLY: Final = r"(?:estomago|abdomen|vientre|barriga|panza|testiculos?)"
_LIMB: Final = r"(?:brazo|pierna|pie|mano)"
_CRITICAL: Final = (
    r"(?:insulina|warfarina|anticoagulantes?"
    r"|(?:medicinas?|medicamentos?|pastillas?) (?:para|de|del) (?:\w+ )?(?:convulsiones|epilepsia|trasplante|coagulacion))"
)

EMERGENT_ES: Final[Mapping[str, tuple[str, ...]]] = {
    "chest_pain": (
        r"dolor(?:es)? (?:\w+ ){0,3}(?:de|del|en el|en mi|en su) pecho|(?:presion|opresion|ardor|peso) (?:\w+ ){0,4}pecho",
        r"(?:duele|doliendo|aprieta|oprime|arde) (?:\w+ ){0,3}pecho|pecho (?:\w+ ){0,3}(?:apretado|duele|oprimido|aprieta)",
        r"ataque (?:al corazon|cardiaco)|infarto",
    ),
    "breathing": (
        r"no (?:puedo|puede|podia|pueden|logra|logro) (?:\w+ )?respirar|no (?:esta )?respira(?:ndo)?|dejo de respirar",
        r"falta (?:el|de) aire|faltando el aire|dificultad (?:para|al) respirar|(?:cuesta|trabajo|dificil) (?:\w+ ){0,2}respirar|respira(?:ndo)? (?:muy )?mal",
        r"ahogando|ahogo|se ahoga|asfixi\w+|atragant\w+|labios (?:\w+ ){0,2}(?:azules|morados)",
    ),
    "stroke": (
        r"derrames? cerebral(?:es)?|(?:un|de) derrame|derrames|embolia|ictus|apoplejia",
        r"cara (?:\w+ ){0,3}(?:caida|torcida|chueca|dormida|entumecida|paralizada)|(?:torcio|durmio) la (?:cara|boca)",
        r"no (?:puedo|puede) (?:mover|levantar) (?:\w+ ){0,3}(?:brazo|pierna|lado|mano)|(?:brazo|lado \w+) (?:\w+ ){0,2}(?:debil|paralizado)",
        r"no puede hablar|habla(?:ndo)? (?:\w+ ){0,2}(?:enredado|arrastrado|raro|arrastrando)|arrastra las palabras",
        r"(?:de repente|de pronto|repentin\w+) ... (?:confundid\w+|vision|vista|cieg\w+|debil\w*|no (?:puedo|puede) (?:ver|hablar)|no ve|dolor de cabeza)|perdi\w* la (?:vista|vision)",
        r"peor dolor de cabeza|(?:el|ella|mama|papa|madre|padre|esposo|esposa|abuela|abuelo) esta (?:muy )?confundid\w+",
    ),
    "unconscious": (
        r"inconsciente|desmay\w+|perdi\w* (?:el conocimiento|la conciencia)|no (?:responde|reacciona)(?! (?:el|al|mis|a|mi|la|las))|no (?:se )?despierta|no (?:lo|la|puedo|podemos) (?:\w+ )?despertar\w*",
    ),
    "seizure": (
        r"(?:una|otra|primera|la) convulsion|convulsionando|convulsiono|convulsiona|ataque (?:epileptico|de epilepsia)|(?:tiene|teniendo) convulsiones",
    ),
    "heavy_bleeding": (
        r"sangr\w+ (?:\w+ ){0,3}(?:mucho|demasiado|abundante|sin parar|no para)|(?:mucha|demasiada) sangre|hemorragia|no (?:para|deja) de sangrar",
        r"vomit\w+ (?:\w+ )?sangre|tos\w* (?:\w+ ){0,2}sangre|escup\w+ sangre",
        r"(?:heces|popo|excremento) (?:\w+ )?negr\w+ && mare\w+|debil",
    ),
    "allergic_reaction": (
        r"anafil\w+|(?:garganta|lengua|labios?) (?:\w+ ){0,3}(?:hinch\w+|cerr\w+|cierra|inflam\w+)|(?:hinch\w+|cierra|cerrando) (?:\w+ ){0,3}(?:garganta|lengua|labios?)",
        r"alergi\w+|picadura|ronchas && hinch\w+|respirar|garganta",
    ),
    "suicide": (
        r"suicid\w+|matar(?:me|se)|quitar(?:me|se) la vida|(?:quiero|quiere|queria|quisiera) morir\w*|no (?:quiero|quiere) (?:vivir|seguir viviendo)|(?:hacerme|hacerse) dano|(?:acabar|terminar) con (?:mi|su) vida",
    ),
    "harm_to_others": (r"(?:quiero|voy a|quiere|va a|ganas de) (?:matar|lastimar|hacerle dano|herir|matarlo|matarla)",),
    "poisoning": (
        r"sobredosis|envenen\w+|intoxic\w+",
        r"(?:tomo|tome|trago|tragado|bebio|tomado|comio) ... (?:demasiad\w+|tod[ao]s? (?:las|sus|mis) pastillas|cloro|veneno|detergente|una pila)",
    ),
    "head_injury": (
        r"golpe\w* (?:\w+ ){0,3}cabeza|(?:cayo|cai|caido) ... (?:escaleras?|techo|balcon|ventana)|conmocion cerebral",
        r"(?:accidente (?:de|en) (?:carro|auto|coche|moto)|choque|atropell\w+) && (?:cabeza|cuello|espalda|duele)|(?:fractur\w+|rompi\w+) (?:\w+ ){0,2}(?:cuello|columna)",
    ),
    "fall_blood_thinner": (r"anticoagulantes?|warfarina|coumadin|eliquis|xarelto && cayo|me cai|caida|caido",),
    "infant_fever": (
        r"recien nacid\w+|bebe (?:\w+ ){0,4}(?:(?:[1-9]|1[0-2]) (?:semanas?|dias?)|(?:1|un|2) mes(?:es)?)|hij[oa] (?:\w+ ){0,3}(?:[1-9]|1[0-2]) semanas && "
        + _FEVER,
    ),
    "pregnancy": (
        _PREGNANT + r" && sangr\w+|manch\w+|dolor(?:es)? (?:\w+ ){0,2}" + _STRONG + r"|perdiendo liquido",
        _PREGNANT + r" && no (?:se )?(?:\w+ ){0,2}(?:mueve|movido|moviendo)|no (?:\w+ ){0,2}(?:siento|sentido) (?:\w+ ){0,2}(?:bebe|movimientos)|(?:menos|poco) (?:\w+ )?(?:mov\w+)",
        _PREGNANT + r" && dolor (?:\w+ ){0,2}cabeza && hinch\w+|vision",
        r"rompi\w+ (?:la )?(?:fuente|bolsa)|bebe (?:ya )?no se (?:mueve|ha movido)",
    ),
    "sudden_severe_pain": (
        rf"dolor (?:\w+ ){{0,3}}{_STRONG} (?:\w+ ){{0,4}}{_BELLY}|dolor (?:\w+ ){{0,3}}{_BELLY} (?:\w+ ){{0,3}}{_STRONG}|duelen? (?:\w+ ){{0,3}}{_BELLY} ... (?:de repente|{_STRONG})",
    ),
    "blood_sugar": (
        r"(?:azucar|glucosa) (?:\w+ ){0,5}(?:[2-4]\d|5[0-3]|[0-2]\.\d)(?![.\d])(?! (?:por|semanas?|dias?|minutos?|horas?|anos|meses|unidades))",
        r"(?:azucar|glucosa) (?:\w+ ){0,5}(?:4[0-9]\d|[5-9]\d\d|2[2-9](?:\.\d)?|3\d(?:\.\d)?) && vomit\w*|somnolient\w+|adormilad\w+|mucho sueno",
    ),
    "sepsis": (
        _FEVER + r" && confundid\w+|delir\w+|escalofrios (?:\w+ )?(?:fuertes|incontrolables)|temblando sin parar|piel (?:\w+ )?(?:moteada|manchada)|manchas moradas",
        _FEVER + r" && quimio\w*",
    ),
    "cold_limb": (
        rf"{_LIMB} (?:\w+ ){{0,3}}(?:fri[oa]|palid\w+|dormid\w+|entumecid\w+|morad\w+|sin sensibilidad)|no siento (?:\w+ )?(?:{_LIMB}|piernas|pies)",
    ),
    "burn_or_shock": (
        r"descarga electrica|electrocut\w+|quemaduras? (?:\w+ ){0,2}(?:grandes?|graves?|severas?|profundas?|quimicas?)|quem\w+ ... (?:todo|toda|gran parte|la cara)",
        r"(?:cloro|acido|quimicos?|detergente|limpiador) ... ojos?",
    ),
    "violence": (
        r"(?:me|nos) (?:esta )?(?:pega|pegando|golpea|golpeando|pego|golpeo|amenaz\w+|ataco|ahorco)|violencia domestica|apunal\w+|dispar(?:aron|o)|violaron",
        r"no estoy segur[ao] en (?:mi )?casa|tiene (?:una pistola|un cuchillo|un arma)|me va a matar",
    ),
    "emergency_said": (
        r"emergencias?(?! (?:contacto|de contacto))|(?:llam\w+|necesit\w+|mand\w+) (?:\w+ ){0,2}(?:ambulancia|911)|(?:me|se) (?:estoy|esta) muriendo",
    ),
}  # fmt: skip

URGENT_ES: Final[Mapping[str, tuple[str, ...]]] = {
    "high_fever": (
        r"(?:fiebre|calentura|temperatura) (?:\w+ ){0,4}(?:39\.[5-9]|4[0-2](?:\.\d)?|10[3-8](?:\.\d)?)(?! (?:horas?|minutos?|dias?))",
        r"(?:fiebre|calentura) ... (?:mas de 3 dias|(?:[4-9]|1\d) dias|una semana)",
    ),
    "dehydration": (
        r"deshidrat\w+|no (?:retiene|retengo|tolera|tolero) (?:\w+ )?(?:nada|liquidos?|agua|comida)|vomit\w+ todo|no (?:puede|puedo) retener",
    ),
    "urinary": (
        r"(?:arde|ardor|dolor|duele) (?:\w+ ){0,3}orinar|sangre (?:\w+ ){0,2}orina|infeccion (?:urinaria|de orina) && "
        + _FEVER
        + r"|escalofrios|espalda|costado",
    ),
    "wound": (
        r"(?:herida|puntos|sutura) (?:\w+ ){0,4}(?:abri\w+|roja|enrojec\w+|huele|pus|infect\w+|soltaron)",
    ),
    "calf_swelling": (
        r"(?:pantorrilla|pierna (?:izquierda|derecha)) (?:\w+ ){0,4}hinchad?\w*|hinch\w+ (?:\w+ ){0,3}(?:pantorrilla|una pierna|pierna (?:izquierda|derecha))",
    ),
    "asthma": (
        r"ataque de asma",
        r"asma|inhalador|nebulizador && cada (?:1|2|3|hora|rato)|no (?:me |le )?(?:ayuda|funciona|sirve)",
    ),
    "severe_pain": (
        r"dolor (?:\w+ ){0,3}(?:insoportable|intenso|muy fuerte|severo|terrible)|(?:para el dolor|calmantes?) no (?:me |le )?(?:ayudan?|quitan?|funcionan?|hacen? nada)",
    ),
    "rash_new_medicine": (
        r"ronchas|sarpullido|salpullido|erupcion && (?:nueva|nuevo|despues|desde|con|tomando|por) (?:\w+ ){0,4}(?:medicina|medicamento|antibiotico|amoxicilina|penicilina|pastillas?)",
    ),
    "missed_critical_dose": (
        r"(?:olvid\w+|salt\w+|se me paso|no (?:me )?(?:tome|puse|he tomado|he puesto|tengo)|sin|acabo|termino|quede sin) (?:\w+ ){0,5}"
        + _CRITICAL,
    ),
    "withdrawal": (
        r"abstinencia",
        r"deje (?:de (?:tomar|beber)|el alcohol|la heroina) && tembl\w+|sud\w+|vomit\w*|alucin\w+",
    ),
    "post_operative": (
        r"cirugia|operacion|operaron|opero|cesarea && "
        + _FEVER
        + r"|supur\w+|pus|drenaje|dolor (?:repentino|peor)|sale liquido",
    ),
    "eye": (
        r"dolor (?:\w+ ){0,3}ojos?|duelen? (?:\w+ ){0,3}ojos?|moscas volantes|destellos|puntos negros en la vista",
    ),
    "child_listless": (
        r"hij[oa]|bebe|nin[oa]|niet[oa] && decaid\w+|aletargad\w+|sin fuerzas|no quiere (?:tomar|beber|comer ni)|no (?:esta )?(?:toma|tomando|bebiendo) (?:nada|leche|liquidos|agua|pecho)|muy flojit\w+",
    ),
    "exposure": (
        r"(?:mord\w+|mordedura|arano) ... (?:perro|gato|murcielago|animal|serpiente|vibora|rata)|(?:perro|gato|murcielago|animal|serpiente) (?:\w+ ){0,2}(?:mord\w+|arano)|garrapata|(?:pinch|pique)\w* ... (?:aguja|jeringa)",
    ),
}  # fmt: skip
