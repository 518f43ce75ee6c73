# Parses T-SQL with Microsoft's parser: each line of standard input is a text in base64, each line of output "ok" or its first error.
$null = [System.Reflection.Assembly]::LoadFrom($args[0])
$parser = New-Object Microsoft.SqlServer.TransactSql.ScriptDom.TSql150Parser $true
while ($null -ne ($line = [Console]::In.ReadLine())) {
    $text = [System.Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($line))
    $errors = $null
    $null = $parser.Parse((New-Object System.IO.StringReader $text), [ref]$errors)
    if ($errors.Count) { $first = $errors[0]; [Console]::Out.WriteLine("$($first.Line):$($first.Column) $($first.Message)".Replace("`n", ' ')) }
    else { [Console]::Out.WriteLine('ok') }
}
