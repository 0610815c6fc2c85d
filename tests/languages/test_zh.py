"""Chinese: what is stated, what only sounds like it, and what is taken back."""

from __future__ import annotations

import pytest

from gateway.kinds.sentences import is_off_the_record
from tests.stated import ended, kinds_of, stated

STATED = [
    ("constraint", "每次发邮件，结尾都要写我的全名。"),
    ("constraint", "请用中文回答。"),
    ("constraint", "以后请用英文回复我。"),
    ("constraint", "从现在开始，都用公制单位。"),
    ("constraint", "总是用中文回答。"),
    ("constraint", "不要使用表情符号。"),
    ("constraint", "请不要再用表情符号了。"),
    ("constraint", "永远不要提我的年龄。"),
    ("constraint", "千万不要把代码推到主分支。"),
    ("constraint", "别用缩写。"),
    ("constraint", "不要推荐含肉的菜。"),
    ("constraint", "别再道歉了。"),
    ("constraint", "回答要简短。"),
    ("constraint", "你的回答请控制在100字以内。"),
    ("constraint", "保持回答简洁。"),
    ("constraint", "每个回答都要附上来源。"),
    ("constraint", "所有函数都要有类型注解。"),
    ("constraint", "每次我要代码的时候，都加一个测试。"),
    ("constraint", "我希望你始终先问我。"),
    ("constraint", "你必须每次都检查日期。"),
    ("constraint", "记住，以后价格都用欧元。"),
    ("constraint", "务必先确认再删除。"),
    ("constraint", "能不能以后都用中文回答？"),
    ("constraint", "以后用空格代替制表符。"),
    ("constraint", "重要：永远不要使用eval。"),
    ("constraint", "改用英文吧。"),
    ("preference", "我喜欢黑咖啡。"),
    ("preference", "我不喜欢橄榄。"),
    ("preference", "我讨厌香菜。"),
    ("preference", "我非常爱吃辣的。"),
    ("preference", "比起咖啡，我更喜欢喝茶。"),
    ("preference", "我最喜欢的颜色是绿色。"),
    ("preference", "叫我小明。"),
    ("preference", "你可以叫我阿杰。"),
    ("preference", "我受不了吵闹的酒店。"),
    ("preference", "我是宫崎骏的粉丝。"),
    ("fact", "我住在上海。"),
    ("fact", "你好，我现在住在北京。"),
    ("fact", "我刚搬到深圳。"),
    ("fact", "我在医院工作。"),
    ("fact", "我是一名护士。"),
    ("fact", "我是老师。"),
    ("fact", "我是素食者。"),
    ("fact", "我对花生过敏。"),
    ("fact", "我今年34岁。"),
    ("fact", "我有两个孩子。"),
    ("fact", "我有哮喘。"),
    ("fact", "我不吃猪肉。"),
    ("fact", "我叫李雷。"),
    ("fact", "我的名字是王芳。"),
    ("fact", "我的生日是5月3日。"),
    ("fact", "我老婆叫小红。"),
    ("fact", "我的狗对鸡肉过敏。"),
    ("fact", "我用 Linux。"),
    ("fact", "我们用 Postgres。"),
    ("fact", "我从 vim 换到了 emacs。"),
    ("fact", "我会说法语。"),
    ("fact", "我已经不住在上海了。"),
    ("fact", "我是四川人。"),
    ("fact", "我的时区是东八区。"),
    ("constraint", "每次你给我数据都要注明来源。"),
    ("constraint", "如果你不确定，请直接告诉我。"),
    ("constraint", "要是客户提到退款，请告诉他们发邮件。"),
    ("constraint", "不要使用“赋能”这个词。"),
    ("constraint", "在我们的项目里请用 pnpm。"),
    ("constraint", "给我写的代码都要有类型注解。"),
    ("constraint", "每次回答请附上一句总结。"),
    ("fact", "我们的主分支叫 trunk。"),
    ("fact", "我的储物柜是 17 号。"),
    ("fact", "我是夜猫子。"),
    ("fact", "我们用 Jenkins 部署。"),
    ("fact", "我搬家了，现在住在成都。"),
    ("fact", "我更熟悉 React。"),
    ("fact", "我们是一个七人团队。"),
]

NOTHING = [
    "为什么总是出错？",
    "告诉我为什么它总是崩溃。",
    "我总是迟到。",
    "它一直报错。",
    "他从来不用中文回答。",
    "还是同样的错误。",
    "我老板总是说不。",
    "写一首关于大海的诗。",
    "这次请用英文回答。",
    "不要在这里用制表符。",
    "别担心。",
    "不要着急。",
    "我应该总是写类型吗？",
    "从今天起公交车停在这里。",
    "请用英文回答这个问题。",
    "翻译：我住在罗马。总是用中文回答。",
    "请总结下面这段话：\n所有访客都要登记。永远不要分享密码。",
    "请帮我总结一下：\nAlways wear a badge. Never share your password.",
    "写一个关于狗的故事。我住在罗马。我喜欢猫。",
    "我老板说：永远不要迟到。",
    "尊敬的王女士\n我住在罗马。\n此致\n小李",
    "> 总是用中文回答。",
    "我喜欢这个。",
    "我喜欢你的回答。",
    "我更喜欢第二个。",
    "我想订一张桌子。",
    "我要一家罗马的酒店。",
    "我喜欢香菜吗？",
    "我哥哥喜欢爵士乐。",
    "我累了。",
    "我在车站。",
    "我有一个问题。",
    "我有两个选择。",
    "如果我住在罗马，我就在那里交税。",
    "想象我住在罗马。",
    "我在写代码。",
    "我用这个函数解析日期。",
    "我看不到错误了。",
    "我生活在恐惧中。",
    "别记住这个，但是我住在罗马。",
    "私下跟你说，我讨厌我的老板。",
    "叫我起床。",
    "今天请总是用英文。",
    "如果测试失败，就修复它。",
    "做完以后提交。",
    "每次我打开应用，它都崩溃。",
    "这个函数必须返回整数。",
    "我的问题是 3 号。",
    "我的密码是 hunter2。",
    "我的代码坏了。",
    "我的航班是 9 点。",
    "我们的测试是红的。",
    "我们用这个。",
    "每次都这样。",
]

ENDED = [
    ("总是用中文回答。", "以后请用英文回答。"),
    ("我住在上海。", "我刚搬到深圳。"),
    ("叫我小明。", "请叫我王博士。"),
    ("回答要简短。", "以后回答要详细。"),
    ("我用 vim。", "我从 vim 换到了 emacs。"),
    ("我最喜欢的颜色是绿色。", "我最喜欢的颜色是蓝色。"),
    ("我是一名护士。", "我现在是老师。"),
    ("我今年34岁。", "我今年35岁。"),
    ("我喜欢香菜。", "我不喜欢香菜。"),
    ("我喜欢香菜。", "我讨厌香菜。"),
    ("总是使用分号。", "不要使用分号。"),
    ("不要使用表情符号。", "你可以再用表情符号了。"),
    ("不要用表情符号。", "现在可以用emoji了。"),
    ("每次都附上来源。", "不用再附上来源了。"),
    ("总是用法语回答。", "不需要再用法语回答了。"),
    ("我是素食者。", "我不再是素食者了。"),
    ("我住在上海。", "我已经不住在上海了。"),
    ("我不吃猪肉。", "我现在吃猪肉了。"),
    ("我喜欢爵士乐。", "忘掉我说的关于爵士乐的话。"),
    ("永远不要使用分号。", "忽略关于分号的规则。"),
    ("不要使用表情符号。", "取消表情符号的规则。"),
    ("以后都用制表符缩进。", "以后用空格代替制表符。"),
]

LEFT = [
    ("不要使用表情符号。", "你可以再用表格了。"),
    ("我是素食者。", "我妹妹不再是素食者了。"),
    ("我住在上海。", "我哥哥住在罗马。"),
    ("总是用中文回答。", "在这个对话里用英文回答。"),
    ("不要使用表情符号。", "这次你可以再用表情符号了。"),
    ("总是用中文回答。", "当我谈工作的时候，总是用英文回答。"),
    ("我对花生过敏。", "我对鸡蛋过敏。"),
    ("不要使用表情符号。", "你可以再用表情符号吗？"),
    ("我住在上海。", "翻译：我不住在上海了。"),
    ("我喜欢香菜。", "我讨厌星期一。"),
    ("每次都附上来源。", "不用再大喊大叫了。"),
    ("我是素食者。", "我不再是小孩了。"),
]

OFF_THE_RECORD = [
    "别记住这个：我的密码是1234。",
    "不要保存这条消息。",
    "忘掉我刚才说的话。",
    "这件事你知我知。",
]


@pytest.mark.parametrize(("kind", "text"), STATED)
def test_what_is_stated_is_kept(kind: str, text: str) -> None:
    assert kinds_of(text) == [kind]


@pytest.mark.parametrize("text", NOTHING)
def test_what_only_sounds_like_it_is_not_kept(text: str) -> None:
    assert kinds_of(text) == []


@pytest.mark.parametrize(("before", "message"), ENDED)
def test_what_is_replaced_or_taken_back_ends(before: str, message: str) -> None:
    assert set(ended(before, message)) == {stated(before)[0].text}


@pytest.mark.parametrize(("before", "message"), LEFT)
def test_in_doubt_nothing_ends(before: str, message: str) -> None:
    assert ended(before, message) == {}


@pytest.mark.parametrize("text", OFF_THE_RECORD)
def test_a_message_may_be_off_the_record(text: str) -> None:
    assert is_off_the_record(text)


def test_what_is_said_for_this_chat_holds_in_it() -> None:
    assert [memory.reach for memory in stated("在这个对话里总是用英文回答。")] == ["session"]
    assert [memory.reach for memory in stated("简短一点。只用 Python。", is_first=True)] == ["session"] * 2


@pytest.mark.parametrize("text", ["在这个聊天里只用是或否回答。"])
def test_an_order_for_this_chat_needs_no_word_that_lasts(text: str) -> None:
    assert [(memory.kind, memory.reach) for memory in stated(text)] == [("constraint", "session")]
