using AgentRollout.RolloutEngine.Sampling;
using Xunit;

namespace AgentRollout.RolloutEngine.Tests.Sampling;

public sealed class SequenceRandomTests
{
    [Fact]
    public void The_generator_gives_the_known_answers_of_its_authors()
    {
        // From kat_vectors of the Random123 distribution, philox4x32 with 10 rounds.
        Assert.Equal((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u), SequenceRandom.Philox((0, 0, 0, 0), (0, 0)));
        Assert.Equal(
            (0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu),
            SequenceRandom.Philox((uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue), (uint.MaxValue, uint.MaxValue)));
        Assert.Equal(
            (0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u),
            SequenceRandom.Philox((0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344), (0xa4093822, 0x299f31d0)));
    }

    [Fact]
    public void Neighbouring_seeds_and_positions_give_independent_uniform_numbers()
    {
        int[] cells = new int[256];
        for (ulong seed = 0; seed < 200; seed++)
        {
            for (int position = 0; position < 200; position++)
            {
                int here = (int)(16 * SequenceRandom.Uniform(seed, position)), next = (int)(16 * SequenceRandom.Uniform(seed + 1, position));
                cells[16 * here + next]++;
            }
        }

        Assert.InRange(ChiSquare.Of(cells, Enumerable.Repeat(1.0 / 256, 256)), 0, ChiSquare.Limit(255));
    }
}
