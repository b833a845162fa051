"""The store that `load_demo` sets up."""

from typing import NamedTuple


class DemoCategory(NamedTuple):
    slug: str
    name: str


class DemoProduct(NamedTuple):
    sku: str
    category: str
    name: str
    price: int
    pieces: int
    description: str


CATEGORIES = (
    DemoCategory("kitchen", "Kitchen"),
    DemoCategory("coffee", "Coffee & tea"),
    DemoCategory("desk", "Desk & paper"),
    DemoCategory("outdoors", "Outdoors"),
)

# Prices in euro cents.
PRODUCTS = (
    DemoProduct(
        "BOARD-OAK",
        "kitchen",
        "Oak chopping board",
        3490,
        40,
        "Solid oak from one plank, oiled by hand. 38 by 24 cm, with a groove that keeps the juice on the board.",
    ),
    DemoProduct(
        "KNIFE-CHEF",
        "kitchen",
        "Chef's knife, 20 cm",
        8900,
        25,
        "Forged carbon steel that takes a fine edge and keeps it. Walnut handle, made for either hand.",
    ),
    DemoProduct(
        "PAN-IRON",
        "kitchen",
        "Cast iron pan, 26 cm",
        5450,
        30,
        "Seasoned and ready for the first steak. Goes from the hob to the oven, and to your grandchildren.",
    ),
    DemoProduct(
        "CLOTH-LINEN",
        "kitchen",
        "Linen tea towels, set of 3",
        2490,
        60,
        "Heavy stone-washed linen in sand, sage and slate. Dries glasses without a trace of lint.",
    ),
    DemoProduct(
        "MUG-STONE",
        "coffee",
        "Stoneware mug, 300 ml",
        1490,
        120,
        "Thrown on the wheel, glazed in deep teal. No two are quite alike; all of them survive the dishwasher.",
    ),
    DemoProduct(
        "DRIPPER-V2",
        "coffee",
        "Pour-over dripper",
        2190,
        45,
        "Porcelain cone for one to four cups. Spiral ribs give the coffee room to bloom.",
    ),
    DemoProduct(
        "BEANS-YIRG",
        "coffee",
        "Yirgacheffe beans, 500 g",
        1650,
        80,
        "Washed Ethiopian heirloom, lightly roasted each Tuesday: bergamot, apricot, a long clean finish.",
    ),
    DemoProduct(
        "KETTLE-GOOSE",
        "coffee",
        "Gooseneck kettle, 1 l",
        6900,
        20,
        "Brushed steel, a thermometer in the lid, and a spout that pours exactly where you look.",
    ),
    DemoProduct(
        "NOTE-A5",
        "desk",
        "Dotted notebook, A5",
        1290,
        150,
        "160 pages of 100 g paper that fountain pens like. Lies flat, numbers its pages, closes with a band.",
    ),
    DemoProduct(
        "PEN-BRASS",
        "desk",
        "Brass rollerball",
        3900,
        35,
        "Turned from a solid rod. Heavy at first, indispensable after a week; the patina is yours.",
    ),
    DemoProduct(
        "BOTTLE-750",
        "outdoors",
        "Insulated bottle, 750 ml",
        2990,
        70,
        "Cold for a day, hot for half of one. Fits bicycle cages; the lid cannot get lost.",
    ),
    DemoProduct(
        "BLANKET-WOOL",
        "outdoors",
        "Picnic blanket, wool",
        7900,
        15,
        "Recycled wool with a waterproof back. 150 by 180 cm, rolled up behind a leather strap.",
    ),
)
