if($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage'){'{"bft":"","kind":"refused","reason":"language_mode"}';return}
$ProgressPreference='SilentlyContinue'
$h,$t=(@($input)-join"`n")-split"`n",2
if("$h"-match'BFT1 (\d+) (\d+)$'-and"$t".Length-eq1+$Matches[1]+$Matches[2]){
$n=[int]$Matches[1]
&([scriptblock]::Create($t.Substring(0,$n)))$t.Substring($n+1)
}else{'{"bft":"","kind":"refused","reason":"cut"}'}
