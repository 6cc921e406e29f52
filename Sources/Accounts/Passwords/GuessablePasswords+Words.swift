extension GuessablePasswords {
  /// Words that passwords are made of most often; two of them and a number are no password.
  static let words: Set<String> = split(
    """
    abc abcd access admin administrator alexander alexandra amanda america and andrew android
    angel anthony apple april are arsenal ashley asshole august autumn azerty baby babyboy
    babygirl bailey banana barcelona baseball basketball batman beautiful berlin bestfriend
    bienvenido bienvenue big birthday bitch blessed bonjour brazil brother business buster
    butterfly canada change changeme charlie cheese chelsea china chocolate christ christian
    christine cisco company computer contrasena cookie corvette daniel daniela database debian
    december default diamond docker dollar dragon eagle eight elizabeth england enter facebook
    family father february ferrari five flower football for forever fortnite four france
    freedom friday friend friends frodo from fuck fuckoff fuckyou gandalf george germany
    ginger github gmail god golden golf google guest hacker hallo hannah happy harley
    harrypotter haslo hello heslo hobbit hockey hogwarts hola hotmail hottie hunter iam iloveu
    iloveyou india instagram internet iphone ironman italia its jackson january japan jennifer
    jessica jesus jesuschrist jordan joshua july june juventus killer king knight letmein
    linkedin linux lion liverpool login london love lovely lover loveyou lucky madrid maggie
    manchester march master matrix matthew maverick mercedes merlin mexico michael michelle
    mickey microsoft million mine minecraft monday money monkey motdepasse mother mustang
    mysql naruto network new newyork nicole nine ninja nintendo not nothing november number
    october office old one open opensesame oracle orange paris parola pass passw0rd passwd
    password passwort patrick pepper phoenix pirate playstation please pokemon porsche
    postgres potter pretty prince princess private purple pussy queen qwerty qwertz ranger
    raspberry realmadrid robert roblox root router safe samantha samsung saturday school
    secret secure security senha september server service sesame seven sexy shadow shit silver
    sister six snoopy soccer spiderman spring startrek starwars student summer sunday sunshine
    superman support system teacher temp temporary ten tennis test testing that the this
    thomas three thursday tiger trust trustno tuesday twitter two ubuntu united user victoria
    wachtwoord warrior wednesday welcome whatever wifi william willkommen windows winter
    wireless with wizard wolf xbox yahoo yamaha yellow you your yours youtube zero
    """)

  /// Phrases that everybody knows, as letters only (digits that stand for letters replaced).
  static let phrases: Set<String> = split(
    """
    abcdefghijklmno abracadabraabracadabra adminadminadmin administratorpassword
    alliwantforchristmasisyou allyourbasearebelongtous alohomora alongpassword
    anotherbrickinthewall antidisestablishmentarianism areyousmarterthanasthgrader
    avadakedavra averylongpassword averystrongpassword bayernmuenchen blacklivesmatter
    bohemianrhapsody borussiadortmund carpediemcarpediem changemechangeme changemeplease
    changethispassword companypassword correcthorsebatterystaple correcthorsebatterystapler
    dallascowboys defaultpassword donttreadonme dontworrybehappy elementarymydearwatson
    expectopatronum franklymydearidontgiveadamn fuckyoufuckyou gameofthrones
    gloryglorymanunited godblessamerica godisgoodallthetime gofuckyourself hakunamatata
    happybirthdaytoyou happynewyear harrypotterandthe hastalavistababy hellohowareyou
    helloworld helloworldhelloworld heresjohnny hotelcalifornia houstonwehaveaproblem
    humptydumpty iamthebest iamthegreatest iamyourfather idontgiveafuck idontknowmypassword
    idontrememberit idontremembermypassword iforgotmypassword iforgotthepassword ihaveadream
    illbebacksoon ilovejesuschrist ilovemyboyfriend ilovemychildren ilovemydaughter
    ilovemyfamily ilovemygirlfriend ilovemyhusband ilovemymother ilovemywife iloveyoualways
    iloveyoubabygirl iloveyouforever iloveyousomuch iloveyouverymuch imagineallthepeople
    incorrecthorsebatterystaple incorrectpassword ingodwetrust inthebeginninggodcreated
    itsybitsyspider jesusismylord jesusismysavior jesuslovesme keepcalmandcarryon
    letmeinletmeinletmein letthemeatcake livelaughlove liverpoolfci892 lordoftherings
    loremipsumdolor loremipsumdolorsitamet losangeleslakers lukeiamyourfather
    makeamericagreatagain manchestercity manchesterunited maryhadalittlelamb
    maytheforcebewithyou merrychristmas mississippimississippi mynameis mypasswordissecret
    mysecretpassword mystrongpassword neverinamillionyears neverinamillionyrs newyorkyankees
    nobodyknowsmypassword notapassword notmypassword onceuponatime onceuponatimeinamerica
    oneforallandallforone onetwothreefour onetwothreefourfive onetwothreefourfivesix
    openopenopenopen passwordchangeme passwordispassword passwordwithnumbers pleaseletmein
    pleaseletmeinnow pneumonoultramicroscopicsilicovolcanoconiosis praisethelord
    reallylongpassword realmadridfootball rootrootrootroot rowrowrowyourboat secretpassword
    securepassword showmethemoney smellsliketeenspirit stairwaytoheaven strongpassword
    supercalifragilisticexpialidocious supersecret supersecretpassword temporarypassword
    theforceiswithyou thelordismyshepherd thelordoftherings thequickbrownfox
    thequickbrownfoxjumpsoverthelazydog theresnoplacelikehome thisisapassword thisisasecret
    thisisaverylongpassword thisismynewpassword thisismypassword thisistheway tobeornottobe
    tobeornottobethatisthequestion toinfinityandbeyond topsecretpassword tottenhamhotspur
    twinkletwinklelittlestar universalpassword verysecurepassword wearethechampions
    whatismypassword whatsmypassword whatthefuck whatwouldjesusdo wherethewildthingsare
    winteriscoming yeswecan youcanthandlethetruth youllneverwalkalone yourmotherwasahamster
    yourpasswordisincorrect youshallnotpass youshallnotpassword
    """)

  private static func split(_ text: String) -> Set<String> {
    Set(text.split { $0 == " " || $0 == "\n" }.map(String.init))
  }
}
