"""Made-up terms of two words ("amber falcon") for values and keys that no haystack should hold by chance.

They are long enough a list to fill a haystack, and none of the words occurs in the vocabulary of synthetic speech.
"""

from __future__ import annotations

from collections.abc import Mapping

_EN = (
    """
amber ashen azure balmy bashful blunt brisk bronze burly candid chalky cobalt coral cosy crimson dapper dusky eager
elfin fabled feisty fleecy frosty gaudy giddy gilded glossy hollow humble indigo ivory jolly jovial lanky lilac
lofty lunar maroon mellow misty mossy nimble opal ornate pallid patient peppery plucky polar prickly pristine quaint
rugged russet rustic sable sandy satin scarlet serene shaggy silken sleek sleepy sly solemn sparkling speckled
spiral sullen sunlit supple tawny tepid thorny tidal timid topaz tranquil tropical twilit umber verdant vivid wary
whimsical wiry wistful woolen zesty
""",
    """
abacus acorn albatross almond anvil aardvark badger bamboo banjo barnacle beacon bison bonfire buzzard cactus camel
canyon caravan cello cheetah cicada citadel clarinet comet condor cormorant coyote cypress dolphin dragonfly eclipse
ermine falcon ferret flamingo fjord gazelle geyser giraffe glacier gondola gorilla harpoon hedgehog heron hornet
hyena ibis iguana jackal jaguar kestrel koala lagoon lemur leopard lynx macaw magpie mammoth mandolin marmot meteor
mongoose narwhal nebula ocelot octopus orchid osprey otter oyster panther parrot pelican penguin platypus porcupine
puffin python quokka raccoon reindeer rhino salamander scorpion sphinx squid starling tapir toucan tundra turbine
urchin volcano vulture walrus weasel wombat yak zebra
""",
)
_HANT = (
    """
琥珀 碧藍 赤紅 翠綠 銀白 金黃 墨黑 雪白 靛青 橘紅 淡紫 絳紅 米白 象牙 珊瑚 翡翠 青銅 黃銅 水晶 瑪瑙 天鵝絨 頑皮 害羞
沉默 勇敢 慵懶 優雅 敏捷 溫馴 孤傲 古怪 靦腆 機警 莊重 迷糊 倔強 瀟灑 憂鬱 安詳 逍遙 晨曦 午夜 極光 朦朧 晴朗 飄渺
冰封 星夜 深海 沙漠 荒原 熱帶 極地 高原 幽谷 雲端 斑斕 粗獷 圓潤 輕盈 笨拙 蓬鬆 透明 閃亮 螺旋 纖細 厚重 陳舊 神祕
流浪 隱形 失落 沉睡 飛翔 遙遠 寂靜
""",
    """
獵鷹 海豚 犀牛 企鵝 袋鼠 羚羊 水獺 刺蝟 信天翁 禿鷹 火鶴 孔雀 鴕鳥 長頸鹿 斑馬 花豹 獵豹 河馬 駱駝 海龜 章魚 龍蝦
海星 鯨魚 水母 蜥蜴 變色龍 蠍子 蜻蜓 蟋蟀 螳螂 甲蟲 蝸牛 貓鼬 浣熊 土撥鼠 樹懶 食蟻獸 穿山甲 冰川 火山 峽谷 瀑布
潟湖 隕石 彗星 星雲 沙丘 綠洲 燈塔 風車 船錨 沙漏 算盤 鐵砧 望遠鏡 熱氣球 獨木舟 豎琴 大提琴 單簧管 手風琴 曼陀林
木琴 銅鑼 風鈴 陀螺 萬花筒 仙人掌 蒲公英 紫羅蘭 曼陀羅 風信子 銀杏 紅杉 竹筍 橡實 睡蓮
""",
)
_HANS = (
    """
琥珀 碧蓝 赤红 翠绿 银白 金黄 墨黑 雪白 靛青 橘红 淡紫 绛红 米白 象牙 珊瑚 翡翠 青铜 黄铜 水晶 玛瑙 天鹅绒 顽皮 害羞
沉默 勇敢 慵懒 优雅 敏捷 温驯 孤傲 古怪 腼腆 机警 庄重 迷糊 倔强 潇洒 忧郁 安详 逍遥 晨曦 午夜 极光 朦胧 晴朗 飘渺
冰封 星夜 深海 沙漠 荒原 热带 极地 高原 幽谷 云端 斑斓 粗犷 圆润 轻盈 笨拙 蓬松 透明 闪亮 螺旋 纤细 厚重 陈旧 神秘
流浪 隐形 失落 沉睡 飞翔 遥远 寂静
""",
    """
猎鹰 海豚 犀牛 企鹅 袋鼠 羚羊 水獭 刺猬 信天翁 秃鹫 火烈鸟 孔雀 鸵鸟 长颈鹿 斑马 花豹 猎豹 河马 骆驼 海龟 章鱼 龙虾
海星 鲸鱼 水母 蜥蜴 变色龙 蝎子 蜻蜓 蟋蟀 螳螂 甲虫 蜗牛 猫鼬 浣熊 土拨鼠 树懒 食蚁兽 穿山甲 冰川 火山 峡谷 瀑布
潟湖 陨石 彗星 星云 沙丘 绿洲 灯塔 风车 船锚 沙漏 算盘 铁砧 望远镜 热气球 独木舟 竖琴 大提琴 单簧管 手风琴 曼陀林
木琴 铜锣 风铃 陀螺 万花筒 仙人掌 蒲公英 紫罗兰 曼陀罗 风信子 银杏 红杉 竹笋 橡实 睡莲
""",
)

WORDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # first words, second words
    language: (tuple(first.split()), tuple(second.split()))
    for language, (first, second) in {"en": _EN, "zh-Hant": _HANT, "zh-Hans": _HANS}.items()
}
