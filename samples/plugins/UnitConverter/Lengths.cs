using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace UnitConverter;

/// <summary>Units that the model may name, as <c>metre</c> or <c>nautical_mile</c>.</summary>
public enum LengthUnit
{
    Metre,
    Foot,
    Mile,
    NauticalMile,
}

/// <summary>The tool <c>convert_length</c>: its schema comes from the signature, and arguments are checked before the call.</summary>
public static class Lengths
{
    [Description("Converts a length from one unit to another.")]
    public static string ConvertLength(
        [Description("The length.")] double value,
        LengthUnit from,
        LengthUnit to,
        [Description("Digits after the decimal point."), Range(0, 10)] int digits = 3)
    {
        double converted = value * Metres(from) / Metres(to);
        return Math.Round(converted, digits).ToString(CultureInfo.InvariantCulture);
    }

    private static double Metres(LengthUnit unit) => unit switch
    {
        LengthUnit.Metre => 1,
        LengthUnit.Foot => 0.3048,
        LengthUnit.Mile => 1_609.344,
        _ => 1_852,
    };
}
