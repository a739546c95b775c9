using CsCheck;

namespace Quota.Gateway.Tests.Providers.Tokens;

/// <summary>Texts that tokenizers find hard: scripts, code, signs that are joined, signs that are not seen, runs of one sign, JSON in text.</summary>
internal static class FuzzedText
{
    /// <summary>Letters of one script, or signs of one kind, each a whole one.</summary>
    private static readonly string[][] Alphabets =
    [
        Signs("abcdefghijklmnopqrstuvwxyz ABCDEFG .,' ßäöüéñçłőşğ"), Signs("абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ "), Signs("ابتثجحخدذرزسشصضطظعغفقكلمنهويءآةىُِّ "),
        Signs("कखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसहािीुूेैोौंः़् "), Signs("กขคงจฉชซญดตถทธนบปผฝพฟภมยรลวศษสหอฮะัาำิีึืุูเแโใไ่้๊๋์"),
        Signs("的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从"),
        Signs("ぁあいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほアイウエオカキクケコー。、"), Signs("가각간갇갈감갑값나다라마바사아자차카타파하힣ㄱㅏ "), Signs("აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ "),
        Signs("e\u0301\u0302\u0308\u030a\u0327\u0328\u0331\u20d2\u0489o"), ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "❤️", "🇩🇪", "🇬🇪", "🦊", "🧑🏿‍🚀", "#️⃣", "\u200d", "\ufe0f", " "],
        Signs("\u200b\u200c\u200e\u200f\u2060\ufeff\u00ad\u061c\u202e\u2066x"), Signs("\u0000\u0001\u0007\u0008\u000b\u000c\u001b\u007f\u0085\u2028\u2029"), Signs(" \t\n\r\u00a0\u3000\u2003"),
        Signs("{}[]();:,.<>/\\\"'`|+-*=_~!?@#$%^&"), Signs("0123456789 .,:"), Signs("𝒜𝓑𝔘𝟘𐍈𐤀𓀀𠀋"), Signs("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="),
    ];

    private static readonly string[] Fragments =
    [
        "public static int Add(int a, int b) => checked(a + b);\n", "    if (x != null && y[i] >= 0) {\n\t\treturn `${x}`;\n    }\n", "SELECT id, \"name\" FROM users WHERE a = 'b''c';--", "def f(n):\n    return n if n <= 1 else f(n-1)\n",
        "{\"a\":{\"b\":[1,2.5e-3,true,null],\"c\":\"\\u00e9\\n\"}}", "\\u0041\\n\\\"\\\\", "https://example.org/a?b=c&d=%20#e", "<|im_end|>", "<|endoftext|>", "<|im_start|>system", "<|", "|>", "'s 've 'LL don't", "\r\n\r\n\r\n",
        "The quick brown fox jumps over the lazy dog. ", "Ein Kündigungsschreiben muss eigenhändig unterschrieben werden. ", "camelCaseIdentifierWithManyParts", "snake_case_name__dunder__", "0x7fffffff 3.14159265358979", "──┼──│ ✓ ✗ → ≤ ∑",
    ];

    private static readonly Gen<string> Script =
        from alphabet in Gen.OneOf(Alphabets)
        from signs in Gen.OneOf(alphabet).Array[1, 60]
        select string.Concat(signs);

    private static readonly Gen<string> Run =
        from alphabet in Gen.OneOf(Alphabets)
        from sign in Gen.OneOf(alphabet)
        from length in Gen.Int[1, 120]
        select string.Concat(Enumerable.Repeat(sign, length));

    private static readonly Gen<string> Any = Gen.Char.Array[0, 40].Select(chars => string.Concat(chars.Where(c => !char.IsSurrogate(c))));

    private static readonly Gen<string> Base64 = Gen.Byte.Array[1, 300].Select(Convert.ToBase64String);

    private static readonly Gen<string> Piece = Gen.Frequency((6, Script), (2, Gen.OneOf(Fragments)), (1, Run), (1, Any), (1, Base64));

    /// <summary>Some hundreds of signs.</summary>
    public static Gen<string> Text { get; } = Piece.Array[0, 4].Select(string.Concat);

    /// <summary>A word or a few.</summary>
    public static Gen<string> Short { get; } = Gen.OneOf(Script, Gen.OneOf(Fragments));

    private static string[] Signs(string text) => [.. text.EnumerateRunes().Select(rune => rune.ToString()).Distinct()];
}
