"""Given names (Chinese: full names) that needles may use. No name is part of another, and none is famous."""

from __future__ import annotations

from collections.abc import Mapping

_EN = """
Aoife Bartek Branimir Chidi Dagny Desta Edda Eluned Emeka Farouk Fenella Florin Gintaras Giulio Gudrun Halvard
Hamish Ilse Imogen Ingvild Jadwiga Jolanta Kalinda Katarzyna Kwame Leocadia Liesel Lorcan Malin Marit Mircea
Niamh Nkechi Odalys Olwen Padraig Perpetua Piotr Quentin Radmila Rasmus Rhiannon Sanna Saoirse Siobhan Sunniva
Svetlana Tamsin Thandiwe Torvald Ulrika Vasile Wenceslas Xanthe Yevgenia Zbigniew Zuzana
"""
_HANT = """
林若彤 陳柏翰 黃詩涵 張承恩 李宥蓁 王品睿 吳思妤 劉冠廷 蔡欣怡 楊宗翰 許雅筑 鄭凱文 謝佩珊 郭彥廷
洪千惠 曾俊傑 邱映慈 廖偉誠
賴怡君 徐子晴 周明哲 葉庭瑜 蘇建宏 莊依庭 呂政儒 江采潔 何承翰 蕭雨潔 羅志豪 高筱涵 潘奕安 簡嘉慧
朱家緯 鍾曉雯 游書豪 彭佳穎
詹育誠 胡淑芬 施振宇 沈孟潔 余昱辰 盧宛真 梁啟銘 趙語彤 顏博文 柯欣儀 翁紹恩 魏靜宜 孫立群 戴詠晴
"""
_HANS = """
林若彤 陈柏翰 黄诗涵 张承恩 李宥蓁 王品睿 吴思妤 刘冠廷 蔡欣怡 杨宗翰 许雅筑 郑凯文 谢佩珊 郭彦廷
洪千惠 曾俊杰 邱映慈 廖伟诚
赖怡君 徐子晴 周明哲 叶庭瑜 苏建宏 庄依庭 吕政儒 江采洁 何承翰 萧雨洁 罗志豪 高筱涵 潘奕安 简嘉慧
朱家纬 钟晓雯 游书豪 彭佳颖
詹育诚 胡淑芬 施振宇 沈孟洁 余昱辰 卢宛真 梁启铭 赵语彤 颜博文 柯欣仪 翁绍恩 魏静宜 孙立群 戴咏晴
"""

PEOPLE: Mapping[str, tuple[str, ...]] = {
    "en": tuple(_EN.split()),
    "zh-Hant": tuple(_HANT.split()),
    "zh-Hans": tuple(_HANS.split()),
}
