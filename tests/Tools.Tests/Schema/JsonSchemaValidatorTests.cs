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
    [InlineData("""{"pattern": "a"}""", "schema keyword 'pattern' is not supported; supported: type, enum, properties, required, additionalProperties, items, minimum, maximum, minLength, maxLength.")]
    [InlineData("""{"properties": {"a": {"items": {"$ref": "#"}}}}""", "schema keyword '$ref' at 'properties.a.items' is not supported; supported: type, enum, properties, required, additionalProperties, items, minimum, maximum, minLength, maxLength.")]
    [InlineData("""{"type": "text"}""", "type 'text' is unknown; known: object, array, string, number, integer, boolean, null.")]
    [InlineData("""{"type": 5}""", "schema keyword 'type' must be an array, found 5.")]
    [InlineData("""{"required": [1]}""", "schema keyword 'required' must be an array of strings, found [1].")]
    [InlineData("""{"properties": []}""", "schema keyword 'properties' must be an object, found [].")]
    [InlineData("""{"minimum": "1"}""", "schema keyword 'minimum' must be a number, found \"1\".")]
    [InlineData("""{"maxLength": 1.5}""", "schema keyword 'maxLength' must be a length, found 1.5.")]
    [InlineData("""{"items": false}""", "schema keyword 'items' must be a schema, found false.")]
    [InlineData("[]", "the schema must be an object, found Array.")]
    public void A_schema_that_cannot_be_enforced_is_refused(string schema, string expected) =>
        Assert.Equal(expected, Assert.Throws<ToolException>(() => JsonSchemaValidator.Compile(JsonElement.Parse(schema))).Message);

    private static string? ErrorOf(string schema, string value) =>
        JsonSchemaValidator.Compile(JsonElement.Parse(schema)).FindError(JsonElement.Parse(value));
}
