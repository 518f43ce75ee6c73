# Argument lines as the executor builds them: a line of base64 texts, each with a leading "x" and parted by commas, gives one in base64.
$ErrorActionPreference = 'Stop'
. $args[0]
while ($null -ne ($line = [Console]::In.ReadLine())) {
    $texts = @(foreach ($part in $line.Split(',')) {
            if ($part) { [System.Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($part.Substring(1))) }
        })
    [Console]::Out.WriteLine([Convert]::ToBase64String([System.Text.Encoding]::UTF8.GetBytes((ConvertTo-ArgumentLine $texts))))
    [Console]::Out.Flush()
}
