namespace AgentRollout.Tokenization.PreTokenization;

/// <summary>Puts a space before a text that does not begin with one.</summary>
internal sealed class SpacePrefixer : PreTokenizerStep
{
    public override TextPiece Change(scoped in TextPiece piece) => piece.Text[0] == ' ' ? piece : piece.WithPrefix(' ');
}
