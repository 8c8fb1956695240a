using System.Text.Json;
using AgentRollout.Tools.Schema;
using Xunit;

namespace AgentRollout.Tools.Tests.Schema;

public sealed class JsonSchemaValidatorTests
{
    private const string Order =
        """
        {"title": "order", "type": "object", "required": ["item", "lines"], "properties": {
          "item": {"type": "string", "minLength": 2, "maxLength": 3},
          "count": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
          "price": {"type": ["number", "null"]},
          "mode": {"enum": ["fast", 2, null]},
          "lines": {"type": "array", "items": {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}},
          "labels": {"type": "object", "additionalProperties": {"type": "string"}}}}
        """;

    [Theory]
    [InlineData("""{"item": "ab", "lines": []}""")]
    [InlineData("""{"item": "😀é", "lines": [{"ok": true}], "count": 10, "price": null, "mode": 2.0, "labels": {"a": "b"}}""")]
    [InlineData("""{"item": "abc", "lines": [], "price": -1.5e3, "mode": null, "labels": {}}""")]
    public void What_fits_is_accepted(string value) => Assert.Null(ErrorOf(Order, value));

    [Theory]
    [InlineData("[]", "The arguments must be an object, found [].")]
    [InlineData("""{"lines": []}""", "Argument 'item' is required.")]
    [InlineData("""{"item": 5, "lines": []}""", "Argument 'item' must be a string, found 5.")]
    [InlineData("""{"item": "a", "lines": []}""", "Argument 'item' must have at least 2 characters, found 1.")]
    [InlineData("""{"item": "a😀cd", "lines": []}""", "Argument 'item' must have at most 3 characters, found 4.")]
    [InlineData("""{"item": "ab", "lines": [], "count": 0}""", "Argument 'count' must be at least 1, found 0.")]
    [InlineData("""{"item": "ab", "lines": [], "count": 11}""", "Argument 'count' must be at most 10, found 11.")]
    [InlineData("""{"item": "ab", "lines": [], "count": 1e400}""", "Argument 'count' must be an integer, found 1e400.")]
    [InlineData("""{"item": "ab", "lines": [], "count": 99999999999999999999999999999999999999}""", "Argument 'count' must be at most 10, found 99999999999999999999999999999999999999.")]
    [InlineData("""{"item": "ab", "lines": [], "count": 2.0}""", "Argument 'count' must be an integer, found 2.0.")]
    [InlineData("""{"item": "ab", "lines": [], "count": "2"}""", "Argument 'count' must be an integer, found \"2\".")]
    [InlineData("""{"item": "ab", "lines": [], "price": true}""", "Argument 'price' must be a number or null, found true.")]
    [InlineData("""{"item": "ab", "lines": [], "mode": "slow"}""", "Argument 'mode' must be one of \"fast\", 2, null, found \"slow\".")]
    [InlineData("""{"item": "ab", "lines": [{"ok": true}, {"ok": 1}]}""", "Argument 'lines[1].ok' must be a boolean, found 1.")]
    [InlineData("""{"item": "ab", "lines": [{}]}""", "Argument 'lines[0].ok' is required.")]
    [InlineData("""{"item": "ab", "lines": [{"no": 1}]}""", "Argument 'lines[0].no' is unknown; known: ok.")]
    [InlineData("""{"item": "ab", "lines": {}}""", "Argument 'lines' must be an array, found {}.")]
    [InlineData("""{"item": "ab", "lines": [], "labels": {"a": 1}}""", "Argument 'labels.a' must be a string, found 1.")]
    [InlineData("""{"item": "ab", "lines": [], "items": 1}""", "Argument 'items' is unknown; known: item, count, price, mode, lines, labels.")]
    [InlineData("""{"item": "ab", "item": "cd", "lines": []}""", "Argument 'item' is given twice.")]
    public void The_first_error_is_one_sentence_with_its_path(string value, string expected) => Assert.Equal(expected, ErrorOf(Order, value));

    [Theory]
    [InlineData("""{"properties": {}}""", """{"a": 1}""", "Argument 'a' is unknown; known: none.")]
    [InlineData("""{"type": "object"}""", """{"a": 1}""", null)]
    [InlineData("""{"properties": {}, "additionalProperties": true}""", """{"a": 1}""", null)]
    [InlineData("""{"additionalProperties": false}""", """{"a": 1}""", "Argument 'a' is unknown; known: none.")]
    [InlineData("""{"properties": {"b": {}}, "additionalProperties": {"type": "null"}}""", """{"a": 1}""", "Argument 'a' must be null, found 1.")]
    [InlineData("""{"minimum": 0.5}""", "-1e300", "The arguments must be at least 0.5, found -1e300.")]
    [InlineData("{}", "[1, {}, null]", null)]
    public void Objects_are_closed_where_they_list_properties_and_do_not_say_otherwise(string schema, string value, string? expected) =>
        Assert.Equal(expected, ErrorOf(schema, value));

    [Fact]
    public void A_long_value_is_not_quoted_in_full()
    {
        string error = ErrorOf("""{"type": "integer"}""", $"\"{new string('x', 58)}😀{new string('x', 5_000)}\"")!;
        Assert.Equal($"The arguments must be an integer, found \"{new string('x', 58)}….", error);
    }

    [Theory]
    [InlineData("""{"const": "a"}""", "\"b\"", "The arguments must be \"a\", found \"b\".")]
    [InlineData("""{"type": "string", "nullable": true}""", "null", null)]
    [InlineData("""{"type": "string", "nullable": true}""", "1", "The arguments must be a string or null, found 1.")]
    [InlineData("""{"exclusiveMinimum": 0}""", "0", "The arguments must be above 0, found 0.")]
    [InlineData("""{"exclusiveMaximum": 1}""", "1e400", "The arguments must be below 1, found 1e400.")]
    [InlineData("""{"multipleOf": 0.1}""", "0.3", null)]
    [InlineData("""{"multipleOf": 0.1}""", "0.35", "The arguments must be a multiple of 0.1, found 0.35.")]
    [InlineData("""{"minItems": 1}""", "[]", "The arguments must have at least 1 items, found 0.")]
    [InlineData("""{"maxItems": 1}""", "[1, 2]", "The arguments must have at most 1 items, found 2.")]
    [InlineData("""{"uniqueItems": true}""", "[1, 2, 1.0]", "Argument '[2]' is 1.0 again; the items must be different.")]
    [InlineData("""{"prefixItems": [{"type": "string"}], "items": false}""", """["a"]""", null)]
    [InlineData("""{"prefixItems": [{"type": "string"}], "items": false}""", """["a", 1]""", "Argument '[1]' is not allowed.")]
    [InlineData("""{"minProperties": 1}""", "{}", "The arguments must have at least 1 members, found 0.")]
    [InlineData("""{"maxProperties": 0}""", """{"a": 1}""", "The arguments must have at most 0 members, found 1.")]
    [InlineData("""{"propertyNames": {"pattern": "^[a-z]+$"}}""", """{"A": 1}""", "Argument 'A (its name)' must match the pattern ^[a-z]+$, found \"A\".")]
    [InlineData("""{"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": false}""", """{"n_a": 1, "b": 1}""", "Argument 'b' is unknown; known: none.")]
    [InlineData("""{"patternProperties": {"^n_": {"type": "number"}}}""", """{"n_a": "x"}""", "Argument 'n_a' must be a number, found \"x\".")]
    [InlineData("""{"not": {"type": "null"}}""", "null", "The arguments must not have this form, found null.")]
    [InlineData("""{"title": "t", "discriminator": {"propertyName": "k"}, "x-order": 1, "examples": [1]}""", "1", null)]
    public void Every_keyword_is_enforced_or_says_nothing_of_values(string schema, string value, string? expected) =>
        Assert.Equal(expected, ErrorOf(schema, value));

    [Theory]
    [InlineData("^a$", "a", true)]
    [InlineData("^a$", "a\n", false)]
    [InlineData("[$]", "$", true)]
    [InlineData(@"^\d$", "٣", false)]
    [InlineData(@"^[\w.-]+$", "a.b-c_1", true)]
    [InlineData(@"^\W$", "é", true)]
    [InlineData("^[a-z[]+$", "a[", true)]
    [InlineData(@"\$", "cost: $", true)]
    [InlineData("^(?!no)", "yes", true)]
    [InlineData("^(?!no)", "no", false)]
    [InlineData("b", "abc", true)]
    public void Patterns_are_those_of_json(string pattern, string text, bool fits) =>
        Assert.Equal(
            fits ? null : $"The arguments must match the pattern {pattern}, found {JsonSerializer.Serialize(text)}.",
            ErrorOf(JsonSerializer.Serialize(new { pattern }), JsonSerializer.Serialize(text)));

    [Fact]
    public void A_pattern_that_would_run_for_ever_ends_with_a_sentence() =>
        Assert.StartsWith(
            "The arguments must be simpler, because it takes too long to match with the pattern",
            ErrorOf("""{"pattern": "^(?=(a+)+$)b"}""", $"\"{new string('a', 60)}!\""));

    [Theory]
    [InlineData("date", "2024-02-29", "2024-02-30", "must be a date such as 2025-12-31")]
    [InlineData("date-time", "2024-02-29T10:00:00+02:00", "10:00", "must be a date and time such as 2025-12-31T23:59:59Z")]
    [InlineData("email", "a@b", "a@", "must be an e-mail address")]
    [InlineData("uri", "https://a/b", "/a/b", "must be an absolute URI such as https://example.org/page")]
    [InlineData("uuid", "123e4567-e89b-12d3-a456-426614174000", "123", "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000")]
    [InlineData("ipv4", "192.0.2.1", "1", "must be an IPv4 address such as 192.0.2.1")]
    [InlineData("ipv6", "::1", "192.0.2.1", "must be an IPv6 address such as 2001:db8::1")]
    public void Known_formats_are_checked(string format, string good, string bad, string expected)
    {
        string schema = JsonSerializer.Serialize(new { format });
        Assert.Null(ErrorOf(schema, $"\"{good}\""));
        Assert.Equal($"The arguments {expected}, found \"{bad}\".", ErrorOf(schema, $"\"{bad}\""));
        Assert.Null(ErrorOf("""{"format": "colour"}""", $"\"{bad}\""));
    }

    [Theory]
    [InlineData("""{"count": 3}""", null)]
    [InlineData("""{"count": null}""", null)]
    [InlineData("""{"count": "3"}""", "Argument 'count' must be an integer or null, found \"3\".")]
    [InlineData("""{"count": -1}""", "Argument 'count' must be at least 0, found -1.")]
    [InlineData("""{"shape": {"kind": "circle", "radius": 1}}""", null)]
    [InlineData("""{"shape": {"kind": "circle"}}""", "Argument 'shape.radius' is required.")]
    [InlineData("""{"shape": {"kind": "square", "radius": 1}}""", "Argument 'shape.radius' is unknown; known: kind, side.")]
    [InlineData("""{"shape": {"kind": "star"}}""", "Argument 'shape' fits none of the allowed forms: Argument 'shape.kind' must be \"circle\", found \"star\"; or Argument 'shape.kind' must be \"square\", found \"star\".")]
    [InlineData("""{"tree": {"value": 1, "children": [{"value": 2, "children": [{"value": "x"}]}]}}""", "Argument 'tree.children[0].children[0].value' must be an integer, found \"x\".")]
    [InlineData("""{"both": {"a": 1, "b": 2}}""", null)]
    [InlineData("""{"both": {"a": 1}}""", "Argument 'both.b' is required.")]
    [InlineData("""{"one": 5}""", "Argument 'one' fits 2 of the forms of which it must fit exactly one, found 5.")]
    public void Schemas_as_pydantic_and_mcp_servers_write_them_are_enforced(string value, string? expected)
    {
        const string Schema =
            """
            {"type": "object", "title": "Args", "$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {
              "count": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}], "default": null, "title": "Count"},
              "shape": {"oneOf": [{"$ref": "#/$defs/Circle"}, {"$ref": "#/$defs/Square"}],
                        "discriminator": {"propertyName": "kind", "mapping": {"circle": "#/$defs/Circle", "square": "#/$defs/Square"}}},
              "tree": {"$ref": "#/$defs/Tree"},
              "both": {"allOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"b": {"type": "integer"}}, "required": ["b"]}]},
              "one": {"oneOf": [{"type": "integer"}, {"type": "number"}]}},
             "$defs": {
              "Circle": {"type": "object", "properties": {"kind": {"const": "circle", "type": "string"}, "radius": {"type": "number"}}, "required": ["kind", "radius"]},
              "Square": {"type": "object", "properties": {"kind": {"const": "square", "type": "string"}, "side": {"type": "number"}}, "required": ["kind"]},
              "Tree": {"type": "object", "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}}}
            """;
        Assert.Equal(expected, ErrorOf(Schema, value));
    }

    [Theory]
    [InlineData("""{"contains": {}}""", "schema keyword 'contains' is not supported; supported: type, enum, const, nullable, properties, patternProperties, additionalProperties, propertyNames, required, minProperties, maxProperties, items, prefixItems, minItems, maxItems, uniqueItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern, format, $ref, allOf, anyOf, oneOf, not.")]
    [InlineData("""{"properties": {"a": {"items": {"$ref": "#/$defs/A"}}}}""", "schema reference '#/$defs/A' at 'properties.a.items' leads to nothing.")]
    [InlineData("""{"properties": {"a": {"$ref": "other.json#/A"}}}""", "schema reference 'other.json#/A' at 'properties.a' leads out of the schema; only references within it, such as '#/$defs/Name', are followed.")]
    [InlineData("""{"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/B"}]}, "B": {"allOf": [{"$ref": "#/$defs/A"}]}}}""", "schema reference '#/$defs/A' leads back to itself and describes nothing.")]
    [InlineData("""{"anyOf": []}""", "schema keyword 'anyOf' must be an array of at least one schema, found [].")]
    [InlineData("""{"multipleOf": 0}""", "schema keyword 'multipleOf' must be a number above 0, found 0.")]
    [InlineData("""{"uniqueItems": 1}""", "schema keyword 'uniqueItems' must be true or false, found 1.")]
    [InlineData("""{"type": "text"}""", "type 'text' is unknown; known: object, array, string, number, integer, boolean, null.")]
    [InlineData("""{"type": 5}""", "schema keyword 'type' must be an array, found 5.")]
    [InlineData("""{"required": [1]}""", "schema keyword 'required' must be an array of strings, found [1].")]
    [InlineData("""{"properties": []}""", "schema keyword 'properties' must be an object, found [].")]
    [InlineData("""{"minimum": "1"}""", "schema keyword 'minimum' must be a number, found \"1\".")]
    [InlineData("""{"maxLength": 1.5}""", "schema keyword 'maxLength' must be a length, found 1.5.")]
    [InlineData("""{"items": 5}""", "the schema at 'items' must be an object, found Number.")]
    [InlineData("[]", "the schema must be an object, found Array.")]
    public void A_schema_that_cannot_be_enforced_is_refused(string schema, string expected) =>
        Assert.Equal(expected, Assert.Throws<ToolException>(() => JsonSchemaValidator.Compile(JsonElement.Parse(schema))).Message);

    [Fact]
    public void Arguments_nested_through_unions_are_given_up_after_a_bounded_number_of_checks()
    {
        const string Schema = """
            {"properties": {"e": {"$ref": "#/$defs/E"}},
             "$defs": {"E": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}, {"type": "integer"}]},
              "A": {"type": "object", "properties": {"e": {"$ref": "#/$defs/E"}, "op": {"const": "+"}}},
              "B": {"type": "object", "properties": {"e": {"$ref": "#/$defs/E"}, "op": {"const": "-"}}}}}
            """;
        string deep = string.Concat(Enumerable.Repeat("{\"e\":", 50)) + "\"x\"" + new string('}', 50);
        Assert.Equal("The arguments are too large or nested too deeply to be checked against the schema.", ErrorOf(Schema, deep));
        string shallow = """{"e": {"e": {"e": 1, "op": "-"}, "op": "+"}}""";
        Assert.Null(ErrorOf(Schema, shallow));
    }

    [Fact]
    public void Unique_items_beyond_what_can_be_compared_are_refused_and_a_thousand_are_not()
    {
        const string Schema = """{"properties": {"ids": {"type": "array", "uniqueItems": true}}}""";
        Assert.Null(ErrorOf(Schema, $$"""{"ids": [{{string.Join(',', Enumerable.Range(0, 1_000))}}]}"""));
        Assert.NotNull(ErrorOf(Schema, $$"""{"ids": [{{string.Join(',', Enumerable.Range(0, 20_000))}}]}"""));
    }

    private static string? ErrorOf(string schema, string value) =>
        JsonSchemaValidator.Compile(JsonElement.Parse(schema)).FindError(JsonElement.Parse(value));
}
