using System.Numerics;

namespace AgentRollout.Tools.Builtin.Calculator;

/// <summary>An exact fraction in lowest terms; the denominator is positive. Never <c>default</c>, whose denominator would be 0.</summary>
internal readonly record struct Rational : IComparable<Rational>
{
    public BigInteger Numerator { get; }

    public BigInteger Denominator { get; }

    /// <exception cref="DivideByZeroException">The denominator is 0.</exception>
    public Rational(BigInteger numerator, BigInteger denominator)
    {
        if (denominator.IsZero)
            throw new DivideByZeroException();
        BigInteger divisor = BigInteger.GreatestCommonDivisor(numerator, denominator) * denominator.Sign;
        Numerator = numerator / divisor;
        Denominator = denominator / divisor;
    }

    public bool IsInteger => Denominator.IsOne;

    public int Sign => Numerator.Sign;

    public static implicit operator Rational(BigInteger integer) => new(integer, BigInteger.One);

    public static implicit operator Rational(int integer) => new(integer, BigInteger.One);

    public static Rational operator +(Rational a, Rational b) =>
        new(a.Numerator * b.Denominator + b.Numerator * a.Denominator, a.Denominator * b.Denominator);

    public static Rational operator -(Rational a, Rational b) => a + -b;

    public static Rational operator -(Rational a) => new(-a.Numerator, a.Denominator);

    public static Rational operator *(Rational a, Rational b) => new(a.Numerator * b.Numerator, a.Denominator * b.Denominator);

    public static Rational operator /(Rational a, Rational b) => new(a.Numerator * b.Denominator, a.Denominator * b.Numerator);

    public int CompareTo(Rational other) => (Numerator * other.Denominator).CompareTo(other.Numerator * Denominator);

    public Rational Abs() => new(BigInteger.Abs(Numerator), Denominator);

    /// <summary>The greatest integer that is not above this.</summary>
    public BigInteger Floor()
    {
        BigInteger quotient = BigInteger.DivRem(Numerator, Denominator, out BigInteger remainder);
        return remainder.Sign < 0 ? quotient - 1 : quotient;
    }

    /// <summary>The nearest integer; halves go away from zero.</summary>
    public BigInteger Round() => Sign * (Abs() + new Rational(1, 2)).Floor();

    /// <summary>This to an integer power; a negative one inverts.</summary>
    /// <exception cref="DivideByZeroException">Zero to a negative power.</exception>
    public Rational Power(int exponent)
    {
        BigInteger numerator = BigInteger.Pow(Numerator, Math.Abs(exponent));
        BigInteger denominator = BigInteger.Pow(Denominator, Math.Abs(exponent));
        return exponent < 0 ? new Rational(denominator, numerator) : new Rational(numerator, denominator);
    }
}
