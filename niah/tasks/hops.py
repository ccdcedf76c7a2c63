"""A chain of facts across depths: a thing is in a trunk, the trunk in a boathouse, the boathouse in a city.

The question names the thing and asks for the city, so that no single line answers it (as in NeedleBench's and
BABILong's chains of facts). Other chains, for other things, end in other cities.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from niah import scorers
from niah.generator.draw import Draw
from niah.records import Needle, Planting, Score
from niah.scorers import Known
from niah.tasks import Options, Site
from niah.tasks._frame import NOT_THERE, asked_in, planting_of, speech_opening
from niah.tasks._places import PLACES
from niah.tasks._placing import anywhere, depths_of
from niah.tasks._supply import Supply

SUMMARY = "follow a chain of facts to its end (--needle-count 3), beside chains that end elsewhere"
VERSION = 1
REPLY_TOKENS = 32
WORDING = ()
OPTIONS = ("distractors", "needle_count", "needles")
FILLER = None
COUNT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wording:
    hint: str
    inside: str  # a thing in a container or building
    where: str  # a building in a city
    question: str
    colours: tuple[str, ...]
    things: tuple[str, ...]
    containers: tuple[str, ...]
    buildings: tuple[str, ...]


_WORDING = {
    "en": _Wording(
        hint="Here and there in it somebody says where things are kept.",
        inside="The {a} is kept in the {b}.",
        where="The {a} is in {b}.",
        question="In which city is the {a}? Answer with the name of the city only.",
        colours=("mauve", "beige", "turquoise", "magenta", "ochre", "teal", "sepia", "taupe", "fuchsia", "vermilion"),
        things=("amulet", "thimble", "sextant", "pendant", "kaleidoscope", "figurine", "goblet", "monocle", "tiara"),
        containers=("strongbox", "footlocker", "valise", "hamper", "casket", "knapsack", "humidor", "portmanteau"),
        buildings=("orangery", "boathouse", "granary", "pagoda", "windmill", "observatory", "monastery", "tannery"),
    ),
    "zh-Hant": _Wording(
        hint="其中幾處提到了東西放在哪裡",
        inside="{a}放在{b}裡面",
        where="{a}在{b}",
        question="{a}在哪一座城市？只回答城市名稱。",
        colours=("藕色", "米色", "青綠色", "桃紅色", "赭色", "墨綠色", "棕褐色", "灰褐色", "紫紅色", "朱紅色"),
        things=("護身符", "頂針", "六分儀", "吊墜", "萬花筒", "小雕像", "高腳杯", "單片眼鏡", "王冠"),
        containers=("保險箱", "置物櫃", "手提箱", "藤籃", "首飾盒", "行囊", "雪茄盒", "樟木箱"),
        buildings=("柑橘溫室", "船屋", "穀倉", "寶塔", "磨坊", "天文台", "修道院", "製革廠"),
    ),
    "zh-Hans": _Wording(
        hint="其中几处提到了东西放在哪里",
        inside="{a}放在{b}里面",
        where="{a}在{b}",
        question="{a}在哪一座城市？只回答城市名称。",
        colours=("藕色", "米色", "青绿色", "桃红色", "赭色", "墨绿色", "棕褐色", "灰褐色", "紫红色", "朱红色"),
        things=("护身符", "顶针", "六分仪", "吊坠", "万花筒", "小雕像", "高脚杯", "单片眼镜", "王冠"),
        containers=("保险箱", "储物柜", "手提箱", "藤篮", "首饰盒", "行囊", "雪茄盒", "樟木箱"),
        buildings=("柑橘温室", "船屋", "谷仓", "宝塔", "磨坊", "天文台", "修道院", "制革厂"),
    ),
}


def plant(draw: Draw, site: Site) -> Planting:
    """The links of the asked chain as ``needles`` says, in order; links of other chains anywhere."""
    supply, options, language = Supply(draw, site.haystack, site.language), site.options, site.language
    count = options.needle_count or COUNT
    depths = depths_of(options.needles, count, site.trial.depth_percent, draw)
    needles = _chain(supply, language, depths, "right")
    target = needles[-1].value
    for _ in range(options.distractors):
        needles += _chain(supply, language, [anywhere(draw) for _ in range(count)], "distractor")
    wording = _WORDING[language]
    question = wording.question.format(a=needles[0].key)
    return planting_of(language, speech_opening(language, wording.hint), question, needles, [target])


def score(text: str, planting: Planting) -> Score:
    """The city at the end of the chain. A link on the way to it is a near miss; other cities are distractors."""
    expected = scorers.expected_of(planting)
    mine = [n for n in planting.needles if n.answer_class == "right"]
    links = {n.value: Known(answer_class="near-miss", detail="a link on the way") for n in mine}
    cities = {v for places in PLACES.values() for v in places}
    wrong = {v: k for v, k in {**links, **expected.wrong}.items() if v in cities and v not in planting.targets}
    held = replace(expected, wrong=wrong)
    score = scorers.name(text, held, sorted(cities), place=True)
    if score.value or score.answer_class in ("distractor", "several", "absent"):
        return score
    nodes = {name for n in planting.needles for name in (n.key, n.value)} - cities
    named = scorers.names_in(scorers.answer_in(text), nodes) - {mine[0].key if mine else ""}
    on_the_way = named & set(links)
    if named - on_the_way:
        return Score(value=0.0, answer_class="distractor", explanation="named a thing of another chain")
    if on_the_way:
        why = f"answered {', '.join(sorted(on_the_way))}, a link on the way to {planting.targets[0]}"
        return Score(value=0.0, answer_class="near-miss", explanation=why, detail="a link on the way")
    return score


def solve(text: str, options: Options | None = None) -> str:
    """Go from the thing of the question to the end of what the text says of it."""
    asked = asked_in(text)
    if asked is None:
        return "There is no question."
    wording = _WORDING[asked.language]
    before, _, after = wording.question.partition("{a}")
    here, seen = asked.question.removeprefix(before).removesuffix(after), set[str]()
    while here not in seen:
        seen.add(here)
        forms = (re.escape(f.format(a=here, b="\0")).replace("\0", "(.+?)") for f in (wording.inside, wording.where))
        stated = re.search("|".join(rf"^{form}$" for form in forms), asked.text, re.MULTILINE)
        if stated is None:
            break
        here = stated[1] or stated[2]
    return here if here in PLACES[asked.language] else NOT_THERE[asked.language]


def _chain(supply: Supply, language: str, depths: list[float], answer_class: str) -> list[Needle]:
    """One line per depth: thing, containers, building, city."""
    wording, count = _WORDING[language], len(depths)
    nodes = [_new(supply, language, wording.things)]
    nodes += [_new(supply, language, wording.containers) for _ in range(count - 2)]
    nodes += [_new(supply, language, wording.buildings)] if count > 1 else []
    nodes.append(supply.place())
    needles = []
    for i, depth in enumerate(depths):
        form = wording.where if i == count - 1 else wording.inside
        text = form.format(a=nodes[i], b=nodes[i + 1])
        needles.append(
            Needle(key=nodes[i], value=nodes[i + 1], text=text, depth_percent=depth, answer_class=answer_class)
        )
    return needles


def _new(supply: Supply, language: str, nouns: tuple[str, ...]) -> str:
    """A thing with a colour: the teal amulet."""
    joint = " " if language == "en" else ""
    colours = _WORDING[language].colours
    return supply.one_of([f"{c}{joint}{n}" for c in colours for n in nouns], "things")
