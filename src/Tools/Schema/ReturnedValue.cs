using System.Reflection;

namespace AgentRollout.Tools.Schema;

/// <summary>Awaits what a tool's method returned.</summary>
internal static class ReturnedValue
{
    /// <summary>A function from what a method of this return type returned to its value; null for nothing.</summary>
    public static Func<object?, ValueTask<object?>> UnwrapperOf(Type type)
    {
        if (type == typeof(Task))
            return async task => await Nothing((Task)task!);
        if (type == typeof(ValueTask))
            return async task => await Nothing(((ValueTask)task!).AsTask());
        Type? open = type.IsGenericType ? type.GetGenericTypeDefinition() : null;
        string? generic = open == typeof(Task<>) ? nameof(OfTask) : open == typeof(ValueTask<>) ? nameof(OfValueTask) : null;
        if (generic is null)
            return value => ValueTask.FromResult(value);
        return typeof(ReturnedValue).GetMethod(generic, BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(type.GetGenericArguments())
            .CreateDelegate<Func<object?, ValueTask<object?>>>();
    }

    private static async Task<object?> Nothing(Task task)
    {
        await task;
        return null;
    }

    private static async ValueTask<object?> OfTask<T>(object? task) => await (Task<T>)task!;

    private static async ValueTask<object?> OfValueTask<T>(object? task) => await (ValueTask<T>)task!;
}
