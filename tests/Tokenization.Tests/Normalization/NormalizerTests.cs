using System.Globalization;
using System.Text;
using AgentRollout.Testing;
using AgentRollout.Tokenization.Normalization;
using Xunit;

namespace AgentRollout.Tokenization.Tests.Normalization;

public sealed class NormalizerTests
{
    private static readonly (Normalizer Normalizer, NormalizationForm Form)[] Forms =
    [
        (FormNormalizer.Nfc, NormalizationForm.FormC), (FormNormalizer.Nfd, NormalizationForm.FormD),
        (FormNormalizer.Nfkc, NormalizationForm.FormKC), (FormNormalizer.Nfkd, NormalizationForm.FormKD),
    ];

    [Fact]
    public void Nfc_changes_the_characters_that_the_reference_changes()
    {
        Dictionary<int, string> expected = File.ReadLines(SharedFiles.InShared("golden", "nfc-singletons.tsv"))
            .Select(line => line.Split('\t'))
            .ToDictionary(fields => Hex(fields[0]), fields => string.Concat(fields[1].Split(' ').Select(code => new Rune(Hex(code)))));
        Assert.NotEmpty(expected);
        for (int code = 0; code < 0x110000; code++)
        {
            if (!Rune.IsValid(code))
                continue;
            string text = new Rune(code).ToString();
            Assert.Equal(expected.GetValueOrDefault(code, text), FormNormalizer.Nfc.Change(text));
        }
    }

    [Fact]
    public void Forms_equal_those_of_the_runtime_for_characters_of_their_version_of_unicode()
    {
        Assert.SkipWhen("e\u0301".Normalize().Length == 2, "The runtime has no Unicode tables here.");
        int[] alphabet = [.. UnicodeTables.Shared.Decompositions.SelectMany(pair => (int[])[pair.Key, .. pair.Value.Mapping]), .. Enumerable.Range(0x1100, 256), 0xAC00, 0xAC01, 0xD7A3, 'a', ' '];
        Random random = new(11);
        for (int round = 0; round < 60_000; round++)
        {
            StringBuilder text = new();
            for (int i = random.Next(1, 8); i > 0; i--)
                text.Append(new Rune(alphabet[random.Next(alphabet.Length)]));
            foreach ((Normalizer normalizer, NormalizationForm form) in Forms)
                Assert.Equal(text.ToString().Normalize(form), normalizer.Change(text.ToString()));
        }
    }

    [Fact]
    public void A_long_run_of_marks_takes_no_quadratic_time()
    {
        string text = 'a' + string.Concat(Enumerable.Repeat("\u0301\u0323", 200_000));
        Assert.Equal(text.Length - 1, FormNormalizer.Nfc.Change(text).Length);
    }

    [Fact]
    public void Origins_never_fall_and_end_where_the_text_ends()
    {
        Random random = new(12);
        Normalizer[] normalizers = [.. Forms.Select(form => form.Normalizer), new LowercaseNormalizer(), new StripAccentsNormalizer(), new NmtNormalizer(),
            new ByteLevelNormalizer(), new StripNormalizer(true, true), new PrependNormalizer("\u2581"), BertNormalizer.Create(true, true, true, true)];
        for (int round = 0; round < 5_000; round++)
        {
            string text = RandomText.AnyUnits(random, random.Next(0, 10)) + RandomText.Valid(random, random.Next(0, 10));
            foreach (Normalizer normalizer in normalizers)
            {
                if (!normalizer.TryChange(text, out char[] changed, out int[] origins))
                    continue;
                Assert.Equal(changed.Length + 1, origins.Length);
                Assert.Equal(text.Length, origins[^1]);
                Assert.Equal(origins.Order(), origins);
            }
        }
    }

    [Fact]
    public void Text_before_and_after_a_change_keeps_its_positions()
    {
        Assert.True(FormNormalizer.Nfc.TryChange("\u4E00ae\u0301\u4E01b", out char[] changed, out int[] origins));
        Assert.Equal("\u4E00a\u00E9\u4E01b", new string(changed));
        Assert.Equal([0, 1, 2, 4, 5, 6], origins);
    }

    [Theory]
    [InlineData("\u0130\u03A3\u1E9E\uA7DC\U00010D50\U00016EA0", "i\u0307\u03C3\u00DF\u019B\U00010D70\U00016EBB")]
    [InlineData("na\u00EFve CAF\u00C9", "na\u00EFve caf\u00E9")]
    public void Lower_case_is_that_of_unicode_17(string text, string lower) => Assert.Equal(lower, new LowercaseNormalizer().Change(text));

    [Theory]
    [InlineData("a\u0301\u00E9", "a\u00E9")]
    [InlineData("a\u0AFAb", "a\u0AFAb")] // a mark since Unicode 10
    public void Combining_marks_are_removed_and_composed_accents_stay(string text, string stripped) =>
        Assert.Equal(stripped, new StripAccentsNormalizer().Change(text));

    [Fact]
    public void Bert_cleans_spaces_chinese_and_strips_accents() =>
        Assert.Equal("h e a \u4E2D  \u6587 b", BertNormalizer.Create(true, true, true, true).Change("H\tE\u200D\0 \u00C1\u4E2D\u6587B"));

    [Fact]
    public void A_sequence_leads_origins_back_to_the_first_text()
    {
        SequenceNormalizer sequence = new([new PrependNormalizer("\u2581"), new ReplaceNormalizer(" ", "\u2581"), FormNormalizer.Nfc]);
        Assert.True(sequence.TryChange("a e\u0301b", out char[] changed, out int[] origins));
        Assert.Equal("\u2581a\u2581\u00E9b", new string(changed));
        Assert.Equal([0, 0, 1, 2, 4, 5], origins);
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
