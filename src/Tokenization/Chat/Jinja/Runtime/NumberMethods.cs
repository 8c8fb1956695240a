using System.Numerics;
using AgentRollout.Tokenization.Chat.Jinja.Values;

namespace AgentRollout.Tokenization.Chat.Jinja.Runtime;

/// <summary>The attributes and methods of Python's numbers.</summary>
internal static class NumberMethods
{
    public static bool TryAttribute(object number, string name, out object? value)
    {
        bool isFloat = number is double;
        value = name switch
        {
            "real" => isFloat ? number : PythonNumbers.Normalize(PythonNumbers.ToBigInteger(number)),
            "imag" => isFloat ? 0.0 : Boxed.From(0),
            "numerator" when !isFloat => PythonNumbers.Normalize(PythonNumbers.ToBigInteger(number)),
            "denominator" when !isFloat => Boxed.From(1),
            "conjugate" => Method(self => isFloat ? self : PythonNumbers.Normalize(PythonNumbers.ToBigInteger(self))),
            "is_integer" when isFloat => Method(self => Boxed.From(double.IsInteger((double)self))),
            "bit_length" when !isFloat => Method(self => Boxed.From(BigInteger.Abs(PythonNumbers.ToBigInteger(self)).GetBitLength())),
            "bit_count" when !isFloat => Method(self => Boxed.From(BitCount(PythonNumbers.ToBigInteger(self)))),
            "as_integer_ratio" => Method(self => Ratio(self)),
            _ => null,
        };
        return value is not null;

        BoundMethod Method(Func<object, object?> method) => new(number, (self, arguments) =>
        {
            arguments.BindPositional($"{PythonTypes.Name(self)}.{name}", 0, 0);
            return method(self);
        });
    }

    private static long BitCount(BigInteger number) => BigInteger.Abs(number).ToByteArray(isUnsigned: true).Sum(part => (long)BitOperations.PopCount(part));

    private static PythonTuple Ratio(object number)
    {
        if (number is not double real)
            return new PythonTuple([PythonNumbers.Normalize(PythonNumbers.ToBigInteger(number)), Boxed.From(1)]);
        if (!double.IsFinite(real))
            PythonNumbers.Truncate(real);
        BigInteger denominator = 1;
        while (!double.IsInteger(real))
        {
            real *= 2;
            denominator *= 2;
        }

        return new PythonTuple([PythonNumbers.Normalize(new BigInteger(real)), PythonNumbers.Normalize(denominator)]);
    }
}
