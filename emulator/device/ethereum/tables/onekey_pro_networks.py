"""Networks built into OneKey Pro firmware; facts, one to a line.

Chain id, SLIP-44 number, symbol, name.
"""

from __future__ import annotations

NETWORKS = """
1 60 ETH Ethereum
2 40 EXP Expanse Network
3 1 tETH Ropsten
4 1 tETH Rinkeby
5 1 tETH Goerli
6 1 tKOT Kotti Testnet
7 60 TCH ThaiChain
8 108 UBQ Ubiq
9 1 TUBQ Ubiq Network Testnet
10 60 ETH OP
11 916 META Metadium
12 1 tKAL Metadium Testnet
13 1 tsDIODE Diode Testnet Staging
14 60 FLR Flare
15 60 DIODE Diode Prenet
16 1 tCFLR Songbird Testnet Coston
17 60 TFI ThaiChain 2.0 ThaiFi
18 1 TST ThunderCore Testnet
19 60 SGB Songbird Canary-Network
20 60 ELA Elastos Smart Chain
25 60 CRO Cronos
27 60 SHIB ShibaChain
29 60 L1 Genesis L1
30 137 RBTC Rootstock
31 1 tRBTC Rootstock Testnet
33 60 GooD GoodData
35 60 TBG TBWG Chain
38 538 VAL Valorbit
40 60 TLOS Telos EVM
44 60 CRAB Crab Network
50 60 XDC XDC Network
51 60 TXDC XDC Apothem Network
52 60 cet CoinEx Smart Chain
55 60 ZYX Zyx
56 714 BNB BNB Smart Chain
58 60 ONG Ontology
60 6060 GO GoChain
61 61 ETC Ethereum Classic
62 1 TETC Morden Testnet
63 1 tMETC Mordor Testnet
64 163 ELLA Ellaism
66 60 OKT OKXChain
67 1 tDBM DBChain Testnet
74 60 EIDI IDChain
76 76 MIX Mix
77 60 SPOA POA Network Sokol
78 60 PETH PrimusChain
80 60 RNA GeneChain
82 60 MTR Meter
87 60 SNT Nova Network
88 889 VIC Viction
90 60 GAR Garizon Stage0
97 1 tBNB BNB Smart Chain Testnet
99 178 POA POA Network Core
100 700 XDAI Gnosis
101 464 ETI EtherInc
105 60 W3G Web3Games Devnet
106 60 VLX Velas EVM
108 1001 TT ThunderCore
111 60 ETL EtherLite Chain
122 60 FUSE Fuse
123 60 SPARK Fuse Sparknet
124 60 DWU Decentralized Web
126 126 OY OYchain
127 127 FETH Factory 127
128 1010 HT Huobi ECO Chain
137 966 POL Polygon
142 60 DAX DAX CHAIN
146 60 S Sonic
162 1 tPHT Lightstreams Testnet
163 60 PHT Lightstreams
177 60 HSK HashKey Chain
186 60 Seele Seele
188 60 BTM BMC
199 60 BTT BitTorrent Chain
211 60 0xF Freight Trust Network
222 2221 ASK Permission
225 60 LA LACHAIN
246 246 EWT Energy Web Chain
250 60 FTM Fantom Opera
256 1 thtt Huobi ECO Chain Testnet
258 60 SETM Setheum
262 60 SRN SUR Blockchain Network
269 269 HPB High Performance Blockchain
288 60 ETH Boba Network
314 461 FIL Filecoin
321 641 KCS KCC
324 60 ETH zkSync
333 60 W3Q Web3Q
336 60 SDN Shiden
369 60 PLS PulseChain
420 1 tETH Optimism Goerli Testnet
499 499 RUPX Rupaya
512 1512 AAC Double-A Chain
555 60 CLASS Vela1 Chain
558 60 TAO Tao Network
595 1 tmACA Acala Mandala Testnet TC9
686 686 KAR Karura Network
707 60 BCS BlockChain Station
777 60 cTH cheapETH
787 787 ACA Acala Network
803 60 HAIC Haic
820 820 CLO Callisto
821 1 TCLO Callisto Testnet Deprecated
888 5718350 WAN Wanchain
977 60 YETI Nepal Blockchain Network
998 60 L99 Lucky Network
1001 1 tKAIA Kaia Kairos Testnet
1007 1 tNEW Newton Testnet
1010 1020 EVC Evrice Network
1012 60 NEW Newton
1022 60 SKU Sakura
1024 60 CLV CLV Parachain
1030 60 CFX Conflux eSpace
1088 60 METIS Metis Andromeda
1139 60 MATH MathChain
1140 1 tMATH MathChain Testnet
1197 60 IORA Iora Chain
1202 60 WTT World Trade Technical Chain
1213 60 POP Popcateum
1214 60 ENTER EnterChain
1280 60 HO HALO
1284 60 GLMR Moonbeam
1285 60 MOVR Moonriver
1287 1 DEV Moonbase Alpha
1618 60 CATE Catecoin Chain
1657 60 BTA Btachain
1856 60 TSF Teslafunds
1898 60 BOY BON Network
1987 1987 EGEM EtherGem
2021 523 EDG Edgeware EdgeEVM
2025 1008 RPG Rangers Protocol
2100 60 ECO Ecoball
2213 60 EVA Evanesco
2559 60 KTO Kortho
3400 60 PRB Paribu Net
3966 60 DYNO DYNO
4689 60 IOTX IoTeX Network
5000 60 MNT Mantle
5197 60 ES EraSwap
5315 60 UZMI Uzmi Network
5869 60 RBD Wegochain Rubidium
6626 60 PIX Pixie Chain
8000 60 TELE Teleport
8217 8217 KAIA Kaia
8453 60 ETH Base
8723 479 OLO TOOL Global
8995 60 U+25B3 bloxberg
9001 60 EVMOS Evmos
9100 60 GNC Genesis Coin
10101 60 GEN Blockchain Genesis
10823 60 CCP CryptoCoinPay
11111 60 WGM WAGMI
12052 621 ZERO Singularity ZERO
13381 60 PHX Phoenix
16000 60 MTT MetaDot
19515 1 tSEP SEC Testnet
19845 60 BTCIX BTCIX Network
24484 227 WEB Webchain
24734 60 MINTME MintMe.com Coin
31102 31102 ESN Ethersocial Network
32659 288 FSN Fusion
39797 39797 NRG Energi
42069 60 peggle pegglecoin
42161 60 ETH Arbitrum One
42220 60 CELO Celo
43113 1 tAVAX Avalanche Fuji Testnet
43114 9005 AVAX Avalanche C-Chain
44787 1 tCELO Celo Alfajores Testnet
47805 60 REI REI Network
49797 1 tNRG Energi Testnet
53935 60 JEWEL DFK Chain
59144 60 ETH Linea
62320 1 tCELO Celo Baklava Testnet
63000 60 ECS eSync Network
73799 1 tVT Energy Web Volta Testnet
73927 60 ETH Mixin Virtual Machine
78110 1 FIN Firenze test network
80001 1 tMATIC Mumbai
99999 60 UBC UB Smart Chain
100000 60 QKC QuarkChain
100001 60 QKC QuarkChain
100002 60 QKC QuarkChain
100003 60 QKC QuarkChain
100004 60 QKC QuarkChain
100005 60 QKC QuarkChain
100006 60 QKC QuarkChain
100007 60 QKC QuarkChain
100008 60 QKC QuarkChain
200625 200625 AKA Akroma
201018 60 atp Alaya
210425 60 lat PlatON
246529 246529 ATS ARTIS sigma1
246785 1 tATS ARTIS Testnet tau1
281121 60 $OC Social Smart Chain
333999 60 POLIS Polis
888888 60 VS Vision
955305 1011 ELV Eluvio Content Fabric
1313114 1313114 ETHO Etho Protocol
1313500 60 XERO Xerom
7762959 184 MUSIC Musicoin
11155111 1 tETH Sepolia
13371337 60 TPEP PepChain Churchill
18289463 60 ILT IOLite
20181205 60 QKI quarkblockchain
28945486 344 AUX Auxilium Network
35855456 60 JOYS Joys Digital
61717561 61717561 AQUA Aquachain
99415706 1 TOYS Joys Digital TestNet
245022934 60 NEON Neon EVM
311752642 60 OLT OneLedger
1122334455 60 IPOS IPOS Network
1313161554 60 ETH Aurora
1666600000 1023 ONE Harmony
1666600001 1023 ONE Harmony
1666600002 1023 ONE Harmony
1666600003 1023 ONE Harmony
2021121117 60 HOP DataHopper
3125659152 164 PIRL Pirl
11297108109 60 PALM Palm
197710212030 60 NTT Ntity
6022140761023 60 MOLE Molereum Network
9798 9798 DTT Data Trade Chain
1672 1672 PROS Pharos
"""
