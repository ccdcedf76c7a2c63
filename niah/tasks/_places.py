"""Names of places that needles may use as keys. No name is part of another. Each list is drawn from with SHA-256."""

from __future__ import annotations

from collections.abc import Mapping

_EN = """
Accra Adelaide Aleppo Algiers Amman Antwerp Asmara Athens Baku Bamako Bangalore Basel Beirut Belgrade Bergen
Bilbao Bogota Bordeaux Brasilia Bratislava Brisbane Bruges Bucharest Budapest Cairo Calgary Canberra Caracas
Casablanca Cebu Chennai Copenhagen Cusco Dakar Damascus Darwin Delhi Dhaka Dresden Dubai Durban Edinburgh
Florence Geneva Genoa Ghent Gothenburg Graz Guadalajara Hamburg Hanoi Harare Havana Helsinki Hobart Istanbul
Izmir Jakarta Jerusalem Kampala Karachi Kathmandu Kigali Kingston Kolkata Krakow Lagos Lahore Leipzig Lima
Lisbon Ljubljana Luanda Lusaka Lyon Madrid Malaga Manila Maputo Marrakesh Marseille Melbourne Minsk Mombasa
Montevideo Montreal Mumbai Nairobi Naples Nicosia Odense Osaka Oslo Palermo Porto Prague Quito Rabat Reykjavik
Riga Rotterdam Salzburg Santiago Sapporo Sarajevo Seoul Seville Sofia Stockholm Tallinn Tbilisi Tehran Tirana
Tripoli Tunis Turin Utrecht Valencia Vancouver Vienna Vilnius Warsaw Windhoek Wroclaw Yerevan Zagreb Zurich
"""

_HANT = """
京斯敦 仰光 伊斯坦堡 伊茲密爾 佛羅倫斯 克拉科夫 函館 利馬 加德滿都 加爾各答 卑爾根 卡加利 卡拉卡斯 吉隆坡
名古屋 哈瓦那 哥本哈根 喀拉蚩 地拉那 坎培拉 坎帕拉 基多 塔林 塞拉耶佛 塞維亞 墨爾本 大阪 大馬士革 奈洛比
奧斯陸 孟買 安曼 安特衛普 宿霧 尼科西亞 巴勒摩 巴塞爾 巴庫 巴西利亞 布加勒斯特 布拉格 布達佩斯 布里斯本
布魯日 德勒斯登 德班 德黑蘭 愛丁堡 拉合爾 拉哥斯 提比里斯 斯德哥爾摩 日內瓦 明斯克 曼谷 札幌 札格雷布 杜拜
根特 格拉茨 檳城 河內 波哥大 波爾多 清奈 溫哥華 漢堡 烏特勒支 熱那亞 瓜達拉哈拉 瓦倫西亞 畢爾包
魯安達 突尼斯 索菲亞 維也納 維爾紐斯 耶路撒冷 聖地牙哥 荷巴特 華沙 萊比錫 葉里溫 蒙巴薩 蒙特婁 蒙特維多
薩爾斯堡 蘇黎世 貝爾格勒 貝魯特 赫爾辛基 達卡 達爾文 那不勒斯 杜林 里加 里昂 金邊 釜山 長崎 開羅 阿克拉
阿勒坡 阿德雷德 阿爾及爾 雅典 雅加達 雷克雅維克 首爾 馬尼拉 馬德里 馬拉加 馬拉喀什 馬賽 鹿特丹
"""

_HANS = """
乌得勒支 仰光 伊兹密尔 伊斯坦布尔 佛罗伦萨 克拉科夫 内罗毕 函馆 利马 加尔各答 加德满都 加拉加斯 华沙 卑尔根
卡尔加里 卡拉奇 吉隆坡 名古屋 哈瓦那 哥本哈根 圣地亚哥 地拉那 坎帕拉 埃里温 基多 堪培拉 塔林 塞维利亚
墨尔本 大阪 大马士革 奥斯陆 孟买 安曼 安特卫普 宿务 尼科西亚 巴勒莫 巴塞尔 巴库 巴西利亚 布加勒斯特 布拉格
布达佩斯 布里斯班 布鲁日 开罗 德班 德累斯顿 德黑兰 拉各斯 拉合尔 斯德哥尔摩 日内瓦 明斯克 曼谷 札幌 根特
格拉茨 槟城 毕尔巴鄂 汉堡 河内 波哥大 波尔图 波尔多 温哥华 热那亚 爱丁堡 瓜达拉哈拉 瓦伦西亚 突尼斯
第比利斯 索菲亚 维也纳 维尔纽斯 罗安达 耶路撒冷 苏黎世 莱比锡 萨尔茨堡 萨拉热窝 萨格勒布 蒙巴萨 蒙得维的亚
蒙特利尔 贝尔格莱德 贝鲁特 赫尔辛基 达卡 达尔文 迪拜 那不勒斯 都灵 里加 里斯本 里昂 金奈 金斯敦 金边 釜山
长崎 阿克拉 阿勒颇 阿尔及尔 阿德莱德 雅典 雅加达 雷克雅未克 霍巴特 首尔 马尼拉 马德里 马拉加 马拉喀什 马赛
鹿特丹
"""

PLACES: Mapping[str, tuple[str, ...]] = {
    "en": tuple(_EN.split()),
    "zh-Hant": tuple(_HANT.split()),
    "zh-Hans": tuple(_HANS.split()),
}


def places_like(question: str) -> tuple[str, ...]:
    """All places in the language of the one that a question names."""
    return next((names for names in PLACES.values() if any(name in question for name in names)), ())
