// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Base} from "../Base.t.sol";
import {Committee} from "../../contracts/Committee.sol";
import {Docket} from "../../contracts/Docket.sol";
import {CommitteeParameters, Module, SubcontractState} from "../../contracts/interfaces/ICharter.sol";
import {SignedReport} from "../../contracts/interfaces/ICommittee.sol";
import {Device, StreamTerms} from "../../contracts/interfaces/IDocket.sol";
import {Calendar, EpochKind} from "../../contracts/types/Calendar.sol";
import {Epoch, MemberId, SeatId, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Header, Verdict} from "../../contracts/types/Report.sol";

/// @notice The charter as committee and docket ask it; what it answers is set by the test.
contract CharterStandIn {
    address[] public named;
    address[] public bench;
    CommitteeParameters public parameters;
    int32 public immutable tz;
    uint40 public t0;
    bytes32 public streamsHash;
    mapping(SubcontractId => address) public subcontractAt;
    mapping(SubcontractId => uint40) public since;
    mapping(SubcontractId => uint40) public restFrom;
    mapping(SubcontractId => uint40) public restTo;
    mapping(SubcontractId => SubcontractState) public stateOf;
    mapping(SubcontractId => MemberId) public sponsorOf;
    mapping(Module => address) public module;
    /// @notice Whom the mandates, which this plays too, know as signers.
    mapping(MemberId => mapping(SubcontractId => bool)) public hasSigned;

    constructor(address[] memory seats_, address[] memory alternates_, int32 tz_, uint64 bond) {
        named = seats_;
        bench = alternates_;
        tz = tz_;
        parameters = CommitteeParameters(30, 15, 2, bond);
        for (uint8 i = 0; i < 4; ++i) {
            module[Module(i)] = address(
                uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), uint8(i + 1)))))
            );
        }
        module[Module.Mandates] = address(this);
    }

    /// @notice Creates the next module, as the charter does.
    function install(bytes memory creationCode) external returns (address place) {
        assembly ("memory-safe") {
            place := create(0, add(creationCode, 32), mload(creationCode))
            if iszero(place) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
    }

    function committeeParameters() external view returns (CommitteeParameters memory) {
        return parameters;
    }

    function seats() external view returns (address[] memory) {
        return named;
    }

    function alternates() external view returns (address[] memory) {
        return bench;
    }

    function signStreams(bytes32 hash) external {
        streamsHash = hash;
    }

    function enact(SubcontractId id, address place) external {
        subcontractAt[id] = place;
        since[id] = uint40(block.timestamp);
        stateOf[id] = SubcontractState.Active;
    }

    function open(SubcontractId id, address place, MemberId sponsor) external {
        subcontractAt[id] = place;
        stateOf[id] = SubcontractState.Open;
        sponsorOf[id] = sponsor;
    }

    function sign(MemberId member, SubcontractId id) external {
        hasSigned[member][id] = true;
    }

    /// @notice No epoch that begins in `[from, to)` accrues.
    function rest(SubcontractId id, uint40 from, uint40 to) external {
        restFrom[id] = from;
        restTo[id] = to;
    }

    function accruesAt(SubcontractId id, uint40 begin) external view returns (bool) {
        if (since[id] == 0 || begin < since[id]) return false;
        return begin < restFrom[id] || begin >= restTo[id];
    }

    function foundBadge(MemberId member, bytes32 badge) external {
        Docket(module[Module.Docket]).foundBadge(member, badge);
    }

    function ignite() external {
        t0 = uint40(block.timestamp);
        Committee(module[Module.Committee]).open();
    }
}

contract RosterStandIn {
    mapping(address => MemberId) public memberOf;
    mapping(MemberId => address) public keyOf;
    mapping(MemberId => bool) public isMember;
    MemberId public lastMember;

    function admit(address key) external returns (MemberId id) {
        id = MemberId.wrap(MemberId.unwrap(lastMember) + 1);
        lastMember = id;
        memberOf[key] = id;
        keyOf[id] = key;
        isMember[id] = true;
    }

    function leave(MemberId id) external {
        isMember[id] = false;
    }
}

contract LedgerStandIn {
    mapping(SeatId => uint256) public money;
    mapping(SeatId => uint256) public held;
    uint256 public care;

    error PurseShort(SeatId purse);

    function deposit(SeatId purse, uint256 amount) external {
        money[purse] += amount;
    }

    function holdBond(SeatId purse, uint64 amount) external {
        if (money[purse] < amount) revert PurseShort(purse);
        money[purse] -= amount;
        held[purse] += amount;
    }

    function releaseBond(SeatId purse) external {
        money[purse] += held[purse];
        held[purse] = 0;
    }

    function forfeitBond(SeatId purse) external {
        care += held[purse];
        held[purse] = 0;
    }
}

/// @notice A subcontract that settles whatever it is told, and counts.
contract Willing {
    uint256 public settled;
    bytes32 public last;

    function settlesOn(StreamId) external pure virtual returns (bool) {
        return true;
    }

    function settle(StreamId, Epoch, bytes calldata payload) external virtual {
        ++settled;
        last = keccak256(payload);
    }
}

/// @title Seated
/// @notice The real committee and docket over a charter, ledger and roster that only answer: `n` seats, registered and
/// bonded, one stream of days for subcontract 1.
abstract contract Seated is Base {
    uint64 internal constant BOND = 50_000_000;
    uint256 internal constant FOUNDED = 1_790_000_000;
    uint32 internal constant WINDOW = 24 hours;
    int32 internal constant TZ = 3600;
    bytes32 internal constant ROOT = keccak256("envelopes");

    SubcontractId internal constant WOOD = SubcontractId.wrap(1);
    StreamId internal constant PILE = StreamId.wrap(1);

    CharterStandIn internal charter;
    RosterStandIn internal roster;
    LedgerStandIn internal ledger;
    Committee internal committee;
    Docket internal docket;
    Willing internal wood;
    uint256 internal seats;
    MemberId internal ada;
    MemberId internal ben;

    /* FOUNDING */

    function foundSeats(uint256 count, uint256 alternates) internal {
        vm.warp(FOUNDED);
        seats = count;
        address[] memory named = new address[](count);
        address[] memory bench = new address[](alternates);
        for (uint256 i = 0; i < count; ++i) {
            named[i] = identityOf(i);
        }
        for (uint256 i = 0; i < alternates; ++i) {
            bench[i] = identityOf(count + i);
        }
        charter = new CharterStandIn(named, bench, TZ, BOND);
        charter.install(type(RosterStandIn).creationCode);
        charter.install(type(LedgerStandIn).creationCode);
        charter.install(vm.getCode("Committee.sol:Committee"));
        charter.install(vm.getCode("Docket.sol:Docket"));
        roster = RosterStandIn(charter.module(Module.Roster));
        ledger = LedgerStandIn(charter.module(Module.Ledger));
        committee = Committee(charter.module(Module.Committee));
        docket = Docket(charter.module(Module.Docket));
        ada = roster.admit(personOf("ada"));
        ben = roster.admit(personOf("ben"));
    }

    function registerAll() internal {
        for (uint256 i = 0; i < seats; ++i) {
            registerSeat(i, i);
        }
    }

    /// @notice Operator number `number` pays its bond and takes seat `seat`.
    function registerSeat(uint256 seat, uint256 number) internal {
        ledger.deposit(SeatId.wrap(uint8(number)), BOND);
        vm.prank(identityOf(number));
        committee.register(
            SeatId.wrap(uint8(seat)), vm.addr(reportKeyOf(number)), transportKeyOf(number), "http://seat"
        );
    }

    /// @notice Streams of the kinds given, all of subcontract 1.
    function enrolStreams(EpochKind[] memory kinds) internal {
        StreamTerms[] memory streams = new StreamTerms[](kinds.length);
        for (uint256 i = 0; i < kinds.length; ++i) {
            streams[i] = terms(WOOD, kinds[i], i);
        }
        charter.signStreams(keccak256(abi.encode(streams)));
        docket.enrolFirst(streams);
    }

    function terms(SubcontractId subcontract, EpochKind kind, uint256 salt)
        internal
        view
        returns (StreamTerms memory)
    {
        Device[] memory devices = new Device[](2);
        devices[0] = device("radar", salt);
        devices[1] = device("scale", salt);
        return StreamTerms({
            subcontract: subcontract,
            epochKind: kind,
            windowSeconds: WINDOW,
            zone: "store",
            custodian: ada,
            dataClass: 0,
            estimator: "wood/1",
            parameters: hex"0102",
            modelHash: keccak256("model"),
            devices: devices
        });
    }

    function device(bytes16 kind, uint256 salt) internal pure returns (Device memory) {
        return Device(keccak256(abi.encode(kind, salt)), 1, kind, 60, type(uint40).max);
    }

    /// @notice A whole village: seats, stream of days, ignition, subcontract 1 enacted.
    function found(uint256 count, uint256 alternates, EpochKind kind) internal {
        foundSeats(count, alternates);
        EpochKind[] memory kinds = new EpochKind[](1);
        kinds[0] = kind;
        enrolStreams(kinds);
        registerAll();
        charter.ignite();
        wood = new Willing();
        charter.enact(WOOD, address(wood));
    }

    /* KEYS */

    function identityOf(uint256 number) internal returns (address) {
        return personOf(string.concat("identity ", vm.toString(number)));
    }

    function reportKeyOf(uint256 number) internal pure returns (uint256) {
        return keyOf(string.concat("report ", vm.toString(number)));
    }

    function transportKeyOf(uint256 number) internal pure returns (bytes32) {
        return keccak256(abi.encode("transport", number));
    }

    /* REPORTS */

    struct Report {
        Header header; // without signers
        bytes32 parent;
        bytes payload;
    }

    function header(Epoch epoch, uint16 attempt, Verdict verdict) internal view returns (Header) {
        return header(WOOD, PILE, epoch, attempt, committee.version(), uint8(verdict));
    }

    function header(
        SubcontractId subcontract,
        StreamId stream,
        Epoch epoch,
        uint16 attempt,
        uint24 version,
        uint8 verdict
    ) internal pure returns (Header) {
        uint256 head = uint256(SubcontractId.unwrap(subcontract)) << 240 | uint256(StreamId.unwrap(stream))
            << 224 | uint256(Epoch.unwrap(epoch)) << 200;
        head |= uint256(attempt) << 184 | uint256(version) << 160;
        head |= uint256(1_790_000_000) << 120 | uint256(1_790_086_400) << 80;
        return Header.wrap(head | uint256(verdict) << 72 | uint256(9500) << 56 | uint256(9900) << 40);
    }

    /// @notice The next report after the head of stream 1, for `epoch`, OK, first attempt.
    function reportFor(Epoch epoch, bytes memory payload) internal view returns (Report memory) {
        (bytes24 parent,) = docket.head(PILE);
        return Report(header(epoch, 0, Verdict.Ok), bytes32(parent), payload);
    }

    function digestOf(Report memory report) internal view returns (bytes32) {
        return docket.digest(report.header, report.parent, ROOT, keccak256(report.payload));
    }

    /// @notice The lowest seats that make a quorum.
    function quorumBits() internal view returns (uint32) {
        return uint32((1 << committee.quorum()) - 1);
    }

    /// @notice What the seats of `signers` sign, in ascending order.
    function seal(bytes32 digest, uint32 signers) internal pure returns (bytes memory signatures) {
        for (uint256 i = 0; i < 32; ++i) {
            if (signers >> i & 1 == 0) continue;
            (bytes32 r, bytes32 vs) = vm.signCompact(reportKeyOf(i), digest);
            signatures = abi.encodePacked(signatures, r, vs);
        }
    }

    function withSigners(Header head, uint32 signers) internal pure returns (Header) {
        return Header.wrap(Header.unwrap(head) | signers);
    }

    function submit(Report memory report) internal {
        uint32 signers = quorumBits();
        docket.submit(
            withSigners(report.header, signers), ROOT, report.payload, seal(digestOf(report), signers)
        );
    }

    function settle(Report memory report) internal {
        docket.settle(report.header, report.parent, ROOT, report.payload);
    }

    /// @notice The digest of a member's act under the docket's domain.
    function typed(bytes32 structHash) internal view returns (bytes32) {
        (, string memory name, string memory version, uint256 chain, address place,,) = docket.eip712Domain();
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chain,
                place
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    /// @notice A report and one operator's signature over it.
    function signedBy(Report memory report, uint256 number) internal view returns (SignedReport memory) {
        (bytes32 r, bytes32 vs) = vm.signCompact(reportKeyOf(number), digestOf(report));
        return SignedReport(report.header, report.parent, ROOT, keccak256(report.payload), r, vs);
    }

    function value(uint256 given) internal pure returns (bytes memory) {
        return abi.encode(given);
    }

    /// @notice A payload with one line per member given.
    function lines(MemberId[] memory members) internal pure returns (bytes memory payload) {
        payload = abi.encodePacked(keccak256("lists"), uint32(0), uint32(0));
        for (uint256 i = 0; i < members.length; ++i) {
            payload = abi.encodePacked(payload, members[i], uint16(2), uint32(2400));
        }
    }

    function linesOfBoth() internal view returns (bytes memory) {
        MemberId[] memory members = new MemberId[](2);
        members[0] = ada;
        members[1] = ben;
        return lines(members);
    }

    /* TIME */

    function today() internal view returns (Epoch) {
        return Calendar.epochAt(EpochKind.Day, vm.getBlockTimestamp(), TZ, charter.t0());
    }

    /// @notice Moves to one second after the end of the day `epoch`.
    function passDay(Epoch epoch) internal {
        vm.warp(endOf(epoch) + 1);
    }

    function endOf(Epoch epoch) internal pure returns (uint256) {
        return Calendar.dayBegin(uint256(Epoch.unwrap(epoch)) + 1, TZ);
    }

    function next(Epoch epoch) internal pure returns (Epoch) {
        return Epoch.wrap(Epoch.unwrap(epoch) + 1);
    }
}
